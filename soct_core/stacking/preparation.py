"""Preparation: from the files that a stack is made of to where everything goes in its volume."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from schemas.handoffs import SlicesToStack, StackJob
from schemas.published_stack import StackContents
from schemas.settings import StackRecipe
from schemas.stack_plan import StackPlan
from soct_core import slice_config
from soct_core.acquisition.slices import open_slices
from soct_core.acquisition.slots import Slots
from soct_core.file_names import PLAN_PATH, PUBLISHED_PATH, UNCERTAINTY_PATH, VOLUME_PATH
from soct_core.pairwise.files import PairRecord, read_pair
from soct_core.stacking.assembly import Stack, plan_stack
from soct_core.stacking.inputs import StackInput
from soct_core.stacking.pair_motions import pair_digest, pair_motions, z_drifts
from soct_core.stacking.plan_file import intensity_of
from soct_core.stacking.published import continues, published_of, read_published
from soct_core.storage.fingerprint import fingerprint
from soct_core.storage.records import read_record
from soct_core.volume import open_volume


@dataclass(frozen=True)
class Prepared:
    """A stack that is planned."""

    given: StackInput
    contents: StackContents
    stack: Stack
    plan: StackPlan | None
    """What `plan.json` holds, if it is of the same contents."""


def read_contents(job: StackJob) -> list[str]:
    """Content that a stack depends on: voxels, motions, and what the trail says of steering.

    Not the whole trail: another note or score must not cause another stack.
    """
    table = slice_config.read(job.trail)
    skip = slice_config.force_skip_slices(table) & set(job.measured)
    paths = (*job.measured.values(), *job.interpolated.values(), *job.uncertainties.values())
    volumes = [fingerprint(path) for path in paths]
    records = [read_pair(path) for path in job.pairs]
    motions = [str(p) for p in pair_motions(records, subtract_anatomy=job.recipe.stack.subtract_anatomy)]
    if job.recipe.stack.z_refine:
        motions += [str(drift) for drift in z_drifts(records, 1.0)]
    return [*volumes, *motions, str(sorted(skip)), str(sorted(_reasons(table).items()))]


def prepare(job: StackJob, version: str) -> Prepared:
    """Solve the poses of a stack, or take over those that are published and still hold.

    Parameters
    ----------
    version
        Of the algorithm: a volume of another one is not continued.
    """
    records = [read_pair(path) for path in job.pairs]
    given = _given(job, records)
    contents = _contents(job, records, given.skip, version)
    path, beside = job.output / VOLUME_PATH, job.output / UNCERTAINTY_PATH
    known = None if job.fresh else read_published(job.output / PUBLISHED_PATH)
    if known is not None and not continues(contents, known.contents):
        known = None
    intact = known is not None and _is(path, known.volume) and _is(beside, known.uncertainty)
    plan = None if job.fresh else _plan(job.output / PLAN_PATH, contents)
    stack = plan_stack(
        given,
        job.recipe,
        None if known is None else published_of(known),
        (path, beside) if intact else None,
        None if plan is None else intensity_of(plan),
    )
    return Prepared(given, contents, stack, plan)


def _is(path: Path, content: str | None) -> bool:
    """Whether an image is there as it was published; there need be none where none was."""
    return content is None or (path.is_dir() and fingerprint(path) == content)


def _plan(path: Path, contents: StackContents) -> StackPlan | None:
    try:
        found = read_record(path, StackPlan)
    except (OSError, ValueError):
        return None
    return found if found.contents == contents else None


def stack_input(
    job: SlicesToStack, recipe: StackRecipe, records: Sequence[PairRecord], skip: Iterable[int]
) -> StackInput:
    """The slices of a job, open; nothing is said of their z matches and of the audit trail.

    Parameters
    ----------
    skip
        Slices whose transforms must not steer.
    """
    volumes = open_slices(dict(job.measured), job.voxel_size_um, job.choice)
    size = next(iter(volumes.values())).voxel_size_um
    return StackInput(
        measured=volumes,
        interpolated={i: open_volume(path) for i, path in job.interpolated.items()},
        pairs=pair_motions(records, subtract_anatomy=recipe.stack.subtract_anatomy),
        z_drifts=(),
        skip=frozenset(skip) & set(volumes),
        slots=Slots(min(volumes), recipe.slicing_interval_um, size[0], recipe.trusted_depth_um),
        voxel_size_um=size,
        reasons={},
        windows=job.windows,
        origin_um=job.origin_um,
    )


def _given(job: StackJob, records: Sequence[PairRecord]) -> StackInput:
    table = slice_config.read(job.trail)
    given = stack_input(job, job.recipe, records, slice_config.force_skip_slices(table))
    return replace(
        given,
        z_drifts=z_drifts(records, given.voxel_size_um[0]),
        reasons=_reasons(table),
        half_widths={i: open_volume(path) for i, path in job.uncertainties.items()},
    )


def _contents(
    job: StackJob, records: Sequence[PairRecord], skip: Iterable[int], version: str
) -> StackContents:
    """What the volume is about to be made of."""
    return StackContents(
        version=version,
        recipe=job.recipe,
        voxel_size_um=job.voxel_size_um,
        measured={i: fingerprint(path) for i, path in job.measured.items()},
        interpolated={i: fingerprint(path) for i, path in job.interpolated.items()},
        uncertainties={i: fingerprint(path) for i, path in job.uncertainties.items()},
        pairs=tuple((r.metrics.fixed_id, r.metrics.moving_id, pair_digest(r)) for r in records),
        skip=tuple(sorted(skip)),
        windows=job.windows,
        choice=job.choice,
    )


def _reasons(table: pd.DataFrame) -> dict[int, str]:
    """Why a slot is a gap, as far as the trail knows."""
    reasons = {}
    for row in table.to_dict("records"):
        reason = row.get("interpolation_fallback_reason")
        if isinstance(reason, str) and reason:
            reasons[int(row["slice_id"])] = f"hard skip: {reason}"
    return reasons
