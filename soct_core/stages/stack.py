"""Stage `stack`: read the trail, the slices and the pairs of a run, and write the volume."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from schemas.jobs import StackJob
from schemas.outcomes import StackOutcome
from schemas.settled_stack import StackContents
from soct_core import slice_config
from soct_core.acquisition import open_slices
from soct_core.assembly import stack
from soct_core.fingerprint import files_of, fingerprint
from soct_core.fingerprint_memo import memo
from soct_core.pair_records import pair_digest, read_metrics, read_pairs
from soct_core.published_stack import continues, published_of, read_settled, write_settled
from soct_core.report.leaving import STACK_REPORTLET, leave
from soct_core.report.stack_look import stack_reportlet
from soct_core.slots import Slots
from soct_core.stack_input import StackInput
from soct_core.volume import open_volume
from soct_core.z_refinement import ZDrift

STAGE = "stack"
VERSION = "5"
VOLUME_NAME = "3d_volume.ome.zarr"
DECISIONS_NAME = "stacking_decisions.csv"
SETTLED_NAME = "settled.json"


def reads(job: StackJob) -> list[str]:
    """Content that the outcome depends on: voxels, motions, and what the trail says of steering.

    Not the whole trail: a note or a score must not make anyone stack again.
    """
    table = slice_config.read(job.trail)
    skip = slice_config.force_skip_slices(table) & set(job.measured)
    volumes = [fingerprint(path) for path in (*job.measured.values(), *job.interpolated.values())]
    motions = [
        str(pair) for pair in read_pairs(job.pairs, subtract_anatomy=job.recipe.stack.subtract_anatomy)
    ]
    if job.recipe.stack.z_refine:
        motions += [str(_z_drift(path, 1.0)) for path in job.pairs]
    return [*volumes, *motions, str(sorted(skip)), str(sorted(_reasons(table).items()))]


def run(job: StackJob) -> StackOutcome:
    """Solve the poses and stream all slices into one volume.

    Where slices were only appended to what is published, all that is settled stays as it is.

    Raises
    ------
    SoctError
        If an input is broken or the disk refuses.
    """
    started = time.perf_counter()
    table = slice_config.read(job.trail)
    volumes = open_slices(dict(job.measured), job.voxel_size_um)
    size = next(iter(volumes.values())).voxel_size_um
    recipe = job.recipe
    given = StackInput(
        measured=volumes,
        interpolated={i: open_volume(path) for i, path in job.interpolated.items()},
        pairs=read_pairs(job.pairs, subtract_anatomy=recipe.stack.subtract_anatomy),
        z_drifts=[drift for path in job.pairs for drift in _z_drift(path, size[0])],
        skip=frozenset(slice_config.force_skip_slices(table) & set(volumes)),
        slots=Slots(min(volumes), recipe.slicing_interval_um, size[0], recipe.trusted_depth_um),
        voxel_size_um=size,
        reasons=_reasons(table),
        windows=job.windows,
    )
    volume, decisions, record = (
        job.output / STAGE / name for name in (VOLUME_NAME, DECISIONS_NAME, SETTLED_NAME)
    )
    contents = _contents(job, given.skip)
    settled = None if job.fresh else read_settled(record)
    if settled is not None and not continues(contents, settled.contents):
        settled = None
    intact = settled is not None and volume.is_dir() and fingerprint(volume) == settled.volume
    former = None if settled is None else published_of(settled)
    published, kept = stack(given, recipe, volume, decisions, former, intact=intact)
    if intact:
        memo().renew(volume, files_of(volume))
    # Last: a record speaks of the volume beside it, or is not believed.
    write_settled(record, published, contents, fingerprint(volume))
    look = leave(job.output / STAGE / STACK_REPORTLET, lambda: stack_reportlet(volume))
    return StackOutcome(
        volume=volume,
        decisions=decisions,
        shape=open_volume(volume).shape,
        kept_planes=kept,
        artefacts=(volume, decisions, record, *look),
        seconds=time.perf_counter() - started,
    )


def _contents(job: StackJob, skip: Iterable[int]) -> StackContents:
    """What the volume is about to be made of."""
    pairs = ((read_metrics(path), pair_digest(path)) for path in job.pairs)
    return StackContents(
        version=VERSION,
        recipe=job.recipe,
        voxel_size_um=job.voxel_size_um,
        measured={i: fingerprint(path) for i, path in job.measured.items()},
        interpolated={i: fingerprint(path) for i, path in job.interpolated.items()},
        pairs=tuple((found.fixed_id, found.moving_id, digest) for found, digest in pairs),
        skip=tuple(sorted(skip)),
        windows=job.windows,
    )


def _z_drift(pair: Path, voxel_z_um: float) -> list[ZDrift]:
    metrics = read_metrics(pair)
    if metrics.z_drift is None or not metrics.reliable:
        return []
    weight = metrics.registration_confidence
    return [ZDrift(metrics.fixed_id, metrics.moving_id, metrics.z_drift * voxel_z_um, weight)]


def _reasons(table: pd.DataFrame) -> dict[int, str]:
    """Why a slot is a gap, as far as the trail knows."""
    reasons = {}
    for row in table.to_dict("records"):
        reason = row.get("interpolation_fallback_reason")
        if isinstance(reason, str) and reason:
            reasons[int(row["slice_id"])] = f"hard skip: {reason}"
    return reasons
