"""Stage `register_pair`: the motion between two neighbouring slices."""

from __future__ import annotations

from pathlib import Path

from schemas.handoffs import PairJob, PairOutcome
from schemas.image_choice import ImageChoice
from schemas.quality import PairQuality
from soct_core.arrays import Sliceable
from soct_core.file_names import PAIR_QUALITY, PAIR_REPORTLET, PAIRS, named_interpolated_id, pair_name
from soct_core.pairwise.by_hand import read_by_hand, set_by_hand
from soct_core.pairwise.files import write_pair
from soct_core.pairwise.register import ComparedPlanes, Pair, register_and_compare
from soct_core.quality.of_pairs import pair_quality
from soct_core.reportlets.pair import pair_reportlet
from soct_core.reportlets.write import write_reportlet
from soct_core.storage.atomic import publish_text
from soct_core.storage.fingerprint import fingerprint
from soct_core.volume import Volume, open_volume
from soct_core.volume.chunk_cache import unpacked_once
from soct_core.volume.views import seen_through

VERSION = "15"


def reads(job: PairJob) -> list[str]:
    """Content that the outcome depends on."""
    return [fingerprint(path) for path in (job.fixed, job.moving, job.manual) if path is not None]


def run(job: PairJob) -> PairOutcome:
    """Register one pair and write its files. A registration that fails is a result, not an error.

    Raises
    ------
    SoctError
        If a slice cannot be read or an output cannot be written.
    """
    fixed, moving = (_opened(path, job) for path in (job.fixed, job.moving))
    pair = Pair(job.fixed_id, job.moving_id, job.offset, job.role, job.touches_interpolated)
    above, below = unpacked_once(fixed, moving)
    upper, lower = seen_through(above, job.window_fixed), seen_through(below, job.window_moving)
    size = fixed.voxel_size_um
    transform, metrics, compared = register_and_compare(upper, lower, pair, size, job.settings)
    found = None
    if job.manual is not None:
        shape = max(upper.shape[1], lower.shape[1]), max(upper.shape[2], lower.shape[2])
        by_hand, found = read_by_hand(job.manual, size, shape), transform
        transform, metrics, compared = set_by_hand(by_hand, metrics, compared, size, shape)
    directory = job.output / PAIRS / pair_name(job.fixed_id, job.moving_id)
    written = write_pair(directory, transform, metrics, found)
    if not job.touches_interpolated:
        said = quality_of(job, upper, lower, compared, metrics.moving_z_index or 0)
        publish_text(directory / PAIR_QUALITY, said.model_dump_json(indent=2) + "\n")
        written += (directory / PAIR_QUALITY,)
    written += write_reportlet(directory / PAIR_REPORTLET, lambda: pair_reportlet(compared))
    return PairOutcome(
        fixed_id=job.fixed_id,
        moving_id=job.moving_id,
        directory=directory,
        confidence=metrics.registration_confidence,
        reliable=metrics.reliable,
        overall_status=metrics.overall_status,
        source=metrics.source,
        reasons=metrics.reasons,
        written=written,
        seconds=metrics.seconds,
    )


def quality_of(
    job: PairJob, upper: Sliceable, lower: Sliceable, compared: ComparedPlanes, depth: int
) -> PairQuality:
    """What the planes of a pair say of the quality of its slices; checks only compare, and measure none."""
    measured: dict[int, Sliceable] = {}
    if job.role != "check":
        measured[job.moving_id] = lower
    if job.measures_fixed:
        measured[job.fixed_id] = upper
    planes = compared.fixed, compared.moving
    return pair_quality(planes, compared.motion, (job.fixed_id, job.moving_id), measured, depth)


def _opened(path: Path, job: PairJob) -> Volume:
    # An interpolated slice holds one image of one channel.
    choice = job.choice if named_interpolated_id(path) is None else ImageChoice()
    return open_volume(path, job.voxel_size_um, choice)
