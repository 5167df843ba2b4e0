"""The files of a registered pair: written by its task, read by the stack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from schemas.pairwise import PairwiseMetrics, RigidTransform
from soct_core.errors import RecordError
from soct_core.file_names import METRICS, TRANSFORM, TRANSFORM_FOUND, TRANSFORM_FOUND_ITK, TRANSFORM_ITK
from soct_core.pairwise.itk_transform import write_tfm
from soct_core.storage.atomic import publish_text, remove
from soct_core.storage.records import read_record


def write_pair(
    directory: Path,
    transform: RigidTransform | None,
    metrics: PairwiseMetrics,
    found: RigidTransform | None = None,
) -> tuple[Path, ...]:
    """Write a pair's files; of a transform that there is not, old files are removed.

    Parameters
    ----------
    transform
        The motion that counts.
    found
        What registration found, where the pair was set by hand.

    Returns
    -------
    tuple of Path
        What was written.
    """
    # Metrics last: a reader that finds them finds the transform that they speak of.
    remove(directory / METRICS)
    written: tuple[Path, ...] = ()
    for motion, *names in (
        (transform, TRANSFORM, TRANSFORM_ITK),
        (found, TRANSFORM_FOUND, TRANSFORM_FOUND_ITK),
    ):
        as_json, as_itk = (directory / name for name in names)
        if motion is None:
            remove(as_json)
            remove(as_itk)
            continue
        publish_text(as_json, motion.model_dump_json(indent=2) + "\n")
        write_tfm(as_itk, motion)
        written += as_json, as_itk
    publish_text(directory / METRICS, metrics.model_dump_json(indent=2) + "\n")
    return (*written, directory / METRICS)


@dataclass(frozen=True)
class PairRecord:
    """A registered pair as its files say it."""

    metrics: PairwiseMetrics
    transform: RigidTransform | None
    """The motion; None where the registration raised an error."""


def read_pair(directory: Path) -> PairRecord:
    """Read the files of a pair.

    Raises
    ------
    RecordError
        If a file is missing or breaks its model, or the files speak of different pairs.
    """
    metrics = read_record(directory / METRICS, PairwiseMetrics)
    if not (directory / TRANSFORM).exists():
        return PairRecord(metrics, None)
    transform = read_record(directory / TRANSFORM, RigidTransform)
    if (transform.fixed_id, transform.moving_id) != (metrics.fixed_id, metrics.moving_id):
        raise RecordError(f"{directory}: {TRANSFORM} and {METRICS} speak of different slices")
    return PairRecord(metrics, transform)
