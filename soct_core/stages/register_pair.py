"""Stage `register_pair`: the motion between two neighbouring slices."""

from __future__ import annotations

from schemas.handoffs import PairJob, PairOutcome
from soct_core.file_names import PAIR_REPORTLET, PAIRS, pair_name
from soct_core.pairwise.files import write_pair
from soct_core.pairwise.register import Pair, register_and_compare
from soct_core.reportlets.pair import pair_reportlet
from soct_core.reportlets.write import write_reportlet
from soct_core.storage.fingerprint import fingerprint
from soct_core.volume import open_volume
from soct_core.volume.views import seen_through

VERSION = "11"


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
    transform, metrics, compared = register_and_compare(
        seen_through(fixed, job.window_fixed),
        seen_through(moving, job.window_moving),
        pair,
        fixed.voxel_size_um,
        job.settings,
    )
    directory = job.output / PAIRS / pair_name(job.fixed_id, job.moving_id)
    written = write_pair(directory, transform, metrics)
    written += write_reportlet(directory / PAIR_REPORTLET, lambda: pair_reportlet(compared))
    return PairOutcome(
        fixed_id=job.fixed_id,
        moving_id=job.moving_id,
        directory=directory,
        confidence=metrics.registration_confidence,
        reliable=metrics.reliable,
        overall_status=metrics.overall_status,
        reasons=metrics.reasons,
        written=written,
        seconds=metrics.seconds,
    )
