"""Stage `stack`: read the trail, the slices and the pairs of a run, and write the volume."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import pandas as pd

from schemas.handoffs import StackJob, StackOutcome
from schemas.published_stack import StackContents
from soct_core import slice_config
from soct_core.acquisition.slices import open_slices
from soct_core.acquisition.slots import Slots
from soct_core.file_names import DECISIONS_PATH, PUBLISHED_PATH, STACK_REPORTLET_PATH, VOLUME_PATH
from soct_core.pairwise.files import PairRecord, read_pair
from soct_core.reportlets.stack import stack_reportlet
from soct_core.reportlets.write import write_reportlet
from soct_core.stacking.assembly import stack
from soct_core.stacking.inputs import StackInput
from soct_core.stacking.pair_motions import pair_digest, pair_motions, z_drifts
from soct_core.stacking.published import continues, published_of, read_published, write_published
from soct_core.storage.file_tree import files_of
from soct_core.storage.fingerprint import fingerprint
from soct_core.storage.fingerprint_memo import memo
from soct_core.volume import open_volume

VERSION = "10"


def reads(job: StackJob) -> list[str]:
    """Content that the outcome depends on: voxels, motions, and what the trail says of steering.

    Not the whole trail: another note or score must not cause another stack.
    """
    table = slice_config.read(job.trail)
    skip = slice_config.force_skip_slices(table) & set(job.measured)
    volumes = [fingerprint(path) for path in (*job.measured.values(), *job.interpolated.values())]
    records = [read_pair(path) for path in job.pairs]
    motions = [str(p) for p in pair_motions(records, subtract_anatomy=job.recipe.stack.subtract_anatomy)]
    if job.recipe.stack.z_refine:
        motions += [str(drift) for drift in z_drifts(records, 1.0)]
    return [*volumes, *motions, str(sorted(skip)), str(sorted(_reasons(table).items()))]


def run(job: StackJob) -> StackOutcome:
    """Solve the poses and stream all slices into one volume.

    Where slices were only appended to what is published, all that is published stays as it is.

    Raises
    ------
    SoctError
        If an input is broken or the disk refuses.
    """
    started = time.perf_counter()
    records = [read_pair(path) for path in job.pairs]
    given = _given(job, records)
    volume, decisions, record = (job.output / path for path in (VOLUME_PATH, DECISIONS_PATH, PUBLISHED_PATH))
    contents = _contents(job, records, given.skip)
    known = None if job.fresh else read_published(record)
    if known is not None and not continues(contents, known.contents):
        known = None
    intact = known is not None and volume.is_dir() and fingerprint(volume) == known.volume
    former = None if known is None else published_of(known)
    published, kept = stack(given, job.recipe, volume, decisions, former, intact=intact)
    if intact:
        memo().renew(volume, files_of(volume))
    # Last: a record that does not match the volume beside it is not believed.
    write_published(record, published, contents, fingerprint(volume))
    pictures = write_reportlet(job.output / STACK_REPORTLET_PATH, lambda: stack_reportlet(volume))
    return StackOutcome(
        volume=volume,
        decisions=decisions,
        shape=open_volume(volume).shape,
        kept_planes=kept,
        matched_cuts=published.intensity.matched if job.recipe.stack.match_intensity else None,
        unmatched_cuts=published.intensity.unmatched,
        written=(volume, decisions, record, *pictures),
        seconds=time.perf_counter() - started,
    )


def _given(job: StackJob, records: Sequence[PairRecord]) -> StackInput:
    table = slice_config.read(job.trail)
    volumes = open_slices(dict(job.measured), job.voxel_size_um, job.choice)
    size = next(iter(volumes.values())).voxel_size_um
    recipe = job.recipe
    return StackInput(
        measured=volumes,
        interpolated={i: open_volume(path) for i, path in job.interpolated.items()},
        pairs=pair_motions(records, subtract_anatomy=recipe.stack.subtract_anatomy),
        z_drifts=z_drifts(records, size[0]),
        skip=frozenset(slice_config.force_skip_slices(table) & set(volumes)),
        slots=Slots(min(volumes), recipe.slicing_interval_um, size[0], recipe.trusted_depth_um),
        voxel_size_um=size,
        reasons=_reasons(table),
        windows=job.windows,
        origin_um=job.origin_um,
    )


def _contents(job: StackJob, records: Sequence[PairRecord], skip: Iterable[int]) -> StackContents:
    """What the volume is about to be made of."""
    return StackContents(
        version=VERSION,
        recipe=job.recipe,
        voxel_size_um=job.voxel_size_um,
        measured={i: fingerprint(path) for i, path in job.measured.items()},
        interpolated={i: fingerprint(path) for i, path in job.interpolated.items()},
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
