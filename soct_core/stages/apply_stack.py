"""Stage `apply_stack`: other slices stacked in the poses of a run."""

from __future__ import annotations

import time
from dataclasses import replace

from schemas.applied import ApplyStackJob
from schemas.handoffs import StackOutcome
from schemas.published_stack import PublishedVolume
from soct_core.errors import RecordError
from soct_core.file_names import DECISIONS_PATH, PAIRS, PUBLISHED_PATH, VOLUME_PATH, pair_name
from soct_core.pairwise.files import read_pair
from soct_core.stacking.assembly import stack
from soct_core.stacking.intensity import MatchedIntensity
from soct_core.stacking.preparation import stack_input
from soct_core.stacking.published import PublishedStack, published_of, read_published
from soct_core.stacking.regrid import Regrid
from soct_core.storage.fingerprint import fingerprint
from soct_core.volume import open_volume

VERSION = "2"


def reads(job: ApplyStackJob) -> list[str]:
    """Content that the outcome depends on."""
    volumes = [fingerprint(path) for path in (*job.measured.values(), *job.interpolated.values())]
    return [*volumes, fingerprint(job.run / PUBLISHED_PATH)]


def run(job: ApplyStackJob) -> StackOutcome:
    """Stream all slices into one volume, with provenance and decisions, in the poses of the run.

    Raises
    ------
    SoctError
        If an input is broken or the disk refuses.
    """
    started = time.perf_counter()
    record = published_record(job)
    recipe = record.contents.recipe
    pairs = [read_pair(job.run / PAIRS / pair_name(a, b)) for a, b, _ in record.contents.pairs]
    # Depths are solved: z matches of the run are in planes of the run.
    given = stack_input(job, recipe, pairs, record.contents.skip)
    volume, decisions = (job.output / path for path in (VOLUME_PATH, DECISIONS_PATH))
    known = _in_new_pixels(published_of(record), job, Regrid.between(_size_of_run(job), given.voxel_size_um))
    stack(given, recipe, volume, decisions, known)
    return StackOutcome(
        volume=volume,
        decisions=decisions,
        shape=open_volume(volume).shape,
        written=(volume, decisions),
        seconds=time.perf_counter() - started,
    )


def published_record(job: ApplyStackJob) -> PublishedVolume:
    """What the run has published.

    Raises
    ------
    RecordError
        If it has published nothing that can be read.
    """
    record = read_published(job.run / PUBLISHED_PATH)
    if record is None:
        raise RecordError(f"{job.run / PUBLISHED_PATH}: cannot be read, wanted the record of a finished run")
    return record


def _size_of_run(job: ApplyStackJob) -> tuple[float, float, float]:
    return open_volume(job.run / VOLUME_PATH).voxel_size_um


def _in_new_pixels(published: PublishedStack, job: ApplyStackJob, regrid: Regrid) -> PublishedStack:
    poses = {i: regrid.pose(solved, job.rests.get(i, (0.0, 0.0))) for i, solved in published.poses.items()}
    # Intensities are those of other images: they are matched anew, where the run matched them.
    return replace(
        published, poses=poses, canvas=regrid.canvas(published.canvas), intensity=MatchedIntensity()
    )
