"""Stage `register_pair`: the motion between two neighbouring slices."""

from __future__ import annotations

from schemas.jobs import PairJob
from schemas.outcomes import PairOutcome
from soct_core.fingerprint import fingerprint
from soct_core.pair_records import pair_name, write_pair
from soct_core.pairwise import Pair, register_and_look
from soct_core.plane_window import seen_through
from soct_core.report.leaving import PAIR_REPORTLET, leave
from soct_core.report.pair_look import pair_reportlet
from soct_core.volume import open_volume

STAGE = "register_pairwise"
VERSION = "7"


def reads(job: PairJob) -> list[str]:
    """Content that the outcome depends on."""
    return [fingerprint(job.fixed), fingerprint(job.moving)]


def run(job: PairJob) -> PairOutcome:
    """Register one pair and write its files. A registration that fails is a result, not an error.

    Raises
    ------
    SoctError
        If a slice cannot be read or an output cannot be written.
    """
    fixed = open_volume(job.fixed, job.voxel_size_um)
    moving = open_volume(job.moving, job.voxel_size_um)
    pair = Pair(job.fixed_id, job.moving_id, job.offset, job.role, job.touches_interpolated)
    transform, metrics, compared = register_and_look(
        seen_through(fixed, job.window_fixed),
        seen_through(moving, job.window_moving),
        pair,
        fixed.voxel_size_um,
        job.settings,
    )
    directory = job.output / STAGE / pair_name(job.fixed_id, job.moving_id)
    artefacts = write_pair(directory, transform, metrics)
    artefacts += leave(directory / PAIR_REPORTLET, lambda: pair_reportlet(compared))
    return PairOutcome(
        fixed_id=job.fixed_id,
        moving_id=job.moving_id,
        directory=directory,
        confidence=metrics.registration_confidence,
        reliable=metrics.reliable,
        overall_status=metrics.overall_status,
        reasons=metrics.reasons,
        artefacts=artefacts,
        seconds=metrics.seconds,
    )
