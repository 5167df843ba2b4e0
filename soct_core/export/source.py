"""What is exported: a grid in the world, and its planes as they stream by."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import zarr
from numpy.typing import NDArray

from soct_core.arrays import Zyx
from soct_core.errors import BadInputError, RecordError
from soct_core.file_names import UNCERTAINTY_PATH, VOLUME_PATH, output_of
from soct_core.volume.downsampling import AreaMean, FiniteMean
from soct_core.volume.opening import open_levels
from soct_core.volume.provenance import LABEL_NAME
from soct_core.volume.pyramid import Shape, level_transform
from soct_core.volume.reading import Volume
from soct_core.volume.written_metadata import orientation_of

What = Literal["volume", "provenance", "uncertainty"]
WHAT = get_args(What)
_SLACK = 1e-6


@dataclass(frozen=True)
class Exported:
    """A grid, and a function that yields its planes, blocks of (k, y, x), in z order."""

    name: str
    shape: Shape
    dtype: np.dtype[Any]
    voxel_size_um: Zyx
    origin_um: Zyx
    """Where voxel (0, 0, 0) lies in the world."""
    orientation: str | None
    """To which side z, y and x run; None where it was not stated."""
    is_label: bool
    blocks: Callable[[], Iterator[NDArray[Any]]]


def exported(
    given: Path, what: What = "volume", level: int | None = None, voxel_um: float | None = None
) -> Exported:
    """What is to be exported of a run.

    Parameters
    ----------
    given
        Output of a run, its acquisition, or an OME-Zarr volume that this program wrote.
    level
        Level of the pyramid, 0 the finest.
    voxel_um
        Size of voxels along all axes instead: means of the level that is next finer.

    Raises
    ------
    BadInputError
        If there is no such volume, level or size.
    """
    path = _volume_of(given)
    image = _image_of(path, what)
    levels = open_levels(image)
    attributes: dict[str, Any] = dict(zarr.open_group(path, mode="r", use_consolidated=False).attrs.asdict())
    orientation = orientation_of(attributes.get("ome", attributes)["multiscales"][0])
    common = f"{path.name.removesuffix('.ome.zarr')} {what}", orientation, what == "provenance"
    if voxel_um is not None:
        return _resized(levels, voxel_um, FiniteMean if what == "uncertainty" else AreaMean, *common)
    number = level or 0
    if not 0 <= number < len(levels):
        raise BadInputError(f"{image}: has levels 0 to {len(levels) - 1}, but --level says {number}")
    return _as_it_is(levels[number], *common)


def _image_of(volume: Path, what: What) -> Path:
    if what == "volume":
        return volume
    if what == "provenance":
        return volume / "labels" / LABEL_NAME
    path = volume.parent / Path(UNCERTAINTY_PATH).name
    if not path.is_dir():
        raise RecordError(f"{path}: is not there: nothing was interpolated, or without uncertainty")
    return path


def _volume_of(given: Path) -> Path:
    if given.name.endswith(".zarr"):
        return given
    path = output_of(given) / VOLUME_PATH
    if not path.is_dir():
        raise RecordError(f"{path}: is not there, wanted the volume of a finished run")
    return path


def _as_it_is(volume: Volume, name: str, orientation: str | None, is_label: bool) -> Exported:
    return Exported(
        name,
        volume.shape,
        volume.dtype,
        volume.voxel_size_um,
        volume.origin_um,
        orientation,
        is_label,
        lambda: _blocks(volume),
    )


def _resized(
    levels: tuple[Volume, ...],
    voxel_um: float,
    mean: type[AreaMean] | type[FiniteMean],
    name: str,
    orientation: str | None,
    is_label: bool,
) -> Exported:
    if not math.isfinite(voxel_um) or voxel_um < max(levels[0].voxel_size_um) * (1 - _SLACK):
        finest = max(levels[0].voxel_size_um)
        raise BadInputError(f"--voxel-um: got {voxel_um:g}, wanted {finest:g} at least: no voxel is made up")
    fine = [v for v in levels if max(v.voxel_size_um) <= voxel_um * (1 + _SLACK)]
    source = fine[-1]
    size, origin, dtype = source.voxel_size_um, source.origin_um, source.dtype
    shrinker = mean(source.shape, size, voxel_um, dtype, is_label)
    scale, translation = level_transform(size, origin, shrinker.factors)

    def blocks() -> Iterator[NDArray[Any]]:
        shrinking = mean(source.shape, size, voxel_um, dtype, is_label)
        yield from map(shrinking.push, _blocks(source))
        yield shrinking.rest()

    return Exported(name, shrinker.out_shape, dtype, scale, translation, orientation, is_label, blocks)


def _blocks(volume: Volume) -> Iterator[NDArray[Any]]:
    depth = max(1, volume.chunks[0])
    for first in range(0, volume.shape[0], depth):
        yield volume[first : min(first + depth, volume.shape[0])]
