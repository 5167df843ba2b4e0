"""The files of a registered pair: written by its task, read by the stack."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from schemas.pairwise import PairwiseMetrics, RigidTransform
from schemas.slice_id import format_slice_id
from schemas.small_file import read_small
from soct_core.affine import Affine2D
from soct_core.anatomy_motion import AnatomyRate, mean_rate
from soct_core.atomic import publish_text, remove
from soct_core.errors import RecordError
from soct_core.itk_transform import write_tfm
from soct_core.poses import PairMotion

Record = TypeVar("Record", bound=BaseModel)

TRANSFORM = "transform.json"
TRANSFORM_ITK = "transform.tfm"
METRICS = "pairwise_registration_metrics.json"
MAX_RECORD_BYTES = 2**26


def pair_name(fixed_id: int, moving_id: int) -> str:
    """Directory name of a pair."""
    return f"slice_z{format_slice_id(fixed_id)}_z{format_slice_id(moving_id)}"


def write_pair(
    directory: Path, transform: RigidTransform | None, metrics: PairwiseMetrics
) -> tuple[Path, ...]:
    """Write a pair's files; without a transform, old ones are removed. Returns what was written."""
    # Metrics last: a reader that finds them finds the transform that they speak of.
    remove(directory / METRICS)
    if transform is None:
        remove(directory / TRANSFORM)
        remove(directory / TRANSFORM_ITK)
    else:
        publish_text(directory / TRANSFORM, transform.model_dump_json(indent=2) + "\n")
        write_tfm(directory / TRANSFORM_ITK, transform)
    publish_text(directory / METRICS, metrics.model_dump_json(indent=2) + "\n")
    names = (METRICS,) if transform is None else (TRANSFORM, TRANSFORM_ITK, METRICS)
    return tuple(directory / name for name in names)


def read_metrics(directory: Path) -> PairwiseMetrics:
    """Read the metrics of a pair; RecordError if they are not there or break their model."""
    return read_record(directory / METRICS, PairwiseMetrics)


def read_pairs(directories: Sequence[Path], *, subtract_anatomy: bool = True) -> list[PairMotion]:
    """What pairs tell the stack; weight 0 when one is not reliable or without a transform.

    With `subtract_anatomy`, the motion that anatomy itself makes over the depth between the two
    planes compared, as measured within both slices, is taken off: drift is what remains.

    Raises
    ------
    RecordError
        If a file is missing or breaks its model, or the files speak of different pairs.
    """
    metrics = [read_metrics(directory) for directory in directories]
    rates = {m.fixed_id: rate for m in metrics if (rate := _rate(m)) is not None}
    pairs = []
    for directory, found in zip(directories, metrics, strict=True):
        pair = _read_pair(directory, found)
        known = [rates.get(found.fixed_id), rates.get(found.moving_id)]
        rate = mean_rate(known) if subtract_anatomy else None
        if rate is not None and pair.weight > 0:
            anatomy = rate.over(_uncompared_planes(found), pair.motion.center)
            pair = replace(pair, motion=pair.motion.compose(anatomy.inverse()))
        pairs.append(pair)
    return pairs


def pair_digest(directory: Path) -> str:
    """Digest of all that a pair says to the stack, whatever other pairs say.

    Raises
    ------
    RecordError
        If a file is missing or breaks its model.
    """
    found = read_metrics(directory)
    said = _read_pair(directory, found), _rate(found), _uncompared_planes(found), found.z_drift
    return hashlib.blake2b(str(said).encode(), digest_size=16).hexdigest()


def _read_pair(directory: Path, metrics: PairwiseMetrics) -> PairMotion:
    if not (directory / TRANSFORM).exists():
        motion = Affine2D.identity()
        return PairMotion(metrics.fixed_id, metrics.moving_id, motion, 0.0, 0.0, metrics.role)
    transform = read_record(directory / TRANSFORM, RigidTransform)
    if (transform.fixed_id, transform.moving_id) != (metrics.fixed_id, metrics.moving_id):
        raise RecordError(f"{directory}: {TRANSFORM} and {METRICS} speak of different slices")
    steers = metrics.reliable and metrics.overall_status != "error"
    return PairMotion(
        metrics.fixed_id,
        metrics.moving_id,
        Affine2D.of(transform.matrix, transform.translation, transform.center),
        metrics.registration_confidence if steers else 0.0,
        metrics.tissue_radius_px or 0.0,
        metrics.role,
    )


def _rate(metrics: PairwiseMetrics) -> AnatomyRate | None:
    x, y, turn = metrics.anatomy_rate_x, metrics.anatomy_rate_y, metrics.anatomy_rate_deg
    return None if x is None or y is None or turn is None else AnatomyRate(x, y, turn)


def _uncompared_planes(metrics: PairwiseMetrics) -> float:
    """Depth between the plane of fixed that was compared and the one that moving continues."""
    if metrics.z_source != "nominal" or metrics.z_index is None or metrics.expected_z_index is None:
        return 0.0
    return metrics.expected_z_index - metrics.z_index


def read_record(path: Path, model: type[Record]) -> Record:
    """Read a JSON record of a model."""
    try:
        return model.model_validate_json(read_small(path, MAX_RECORD_BYTES))
    except OSError as error:
        raise RecordError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise RecordError(f"{path}: {place}: {first['msg']}") from error
