"""Lazy (z, y, x) volumes: OME-Zarr images read plane by plane, and windows onto them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import EllipsisType
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from soct_core.arrays import Zyx
from soct_core.errors import ReadError, VolumeError
from soct_core.volume.absent_chunks import StoredMask, absent_chunks
from soct_core.volume.checked_blosc import use_checked_blosc
from soct_core.volume.header_checks import check_group, check_level
from soct_core.volume.metadata import read_image_metadata

Index = int | slice | EllipsisType | tuple[int | slice | EllipsisType, ...]

# Two concurrent chunk reads keep memory low at the same speed.
zarr.config.set({"async.concurrency": 2, "threading.max_workers": 2})
use_checked_blosc()


class Volume:
    """A lazy (z, y, x) array on disk; slicing reads only the chunks it needs.

    What lies in a chunk that the file does not hold is NaN, or 0 of integers; see `stored`.
    """

    def __init__(self, path: Path, array: zarr.Array[Any], lead: int, voxel_size_um: Zyx) -> None:
        self.path = path
        self.voxel_size_um = voxel_size_um
        self._array = array
        self._lead = (0,) * lead

    @property
    def shape(self) -> tuple[int, int, int]:
        z, y, x = self._array.shape[len(self._lead) :]
        return z, y, x

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self._array.dtype).newbyteorder("=")

    @property
    def chunks(self) -> tuple[int, int, int]:
        """Shape of what is decompressed as one, (z, y, x)."""
        z, y, x = self._array.chunks[len(self._lead) :]
        return z, y, x

    @property
    def absent_chunks(self) -> int:
        """How many chunks the file does not hold: left out by its writer, or lost."""
        return len(self._absent)

    @property
    def chunk_count(self) -> int:
        return int(np.prod([-(-n // step) for n, step in zip(self.shape, self._steps, strict=True)]))

    @cached_property
    def stored(self) -> StoredMask | None:
        """Which voxels the file holds, lazily; None: all."""
        if not self._absent:
            return None
        absent = [chunk[len(self._lead) :] for chunk in self._absent]
        return StoredMask(self.shape, self._steps, absent)

    @cached_property
    def _absent(self) -> frozenset[tuple[int, ...]]:
        return absent_chunks(self._array, self.path)

    @property
    def _steps(self) -> tuple[int, int, int]:
        z, y, x = (self._array.shards or self._array.chunks)[len(self._lead) :]
        return z, y, x

    def __getitem__(self, index: Index) -> NDArray[Any]:
        wanted = index if isinstance(index, tuple) else (index,)
        try:
            data = self._array[(*self._lead, *wanted)]
        except OSError as error:
            raise ReadError(f"{self.path}: cannot be read at {index}: {error}") from error
        except IndexError:
            raise
        except Exception as error:  # every codec has its own kinds for a damaged chunk
            raise VolumeError(f"{self.path}: cannot be read at {index}: {_first_line(error)}") from error
        values = np.asarray(data, dtype=self.dtype)
        if self.stored is None:
            return values
        nothing = self.dtype.type(np.nan if self.dtype.kind == "f" else 0)
        return np.where(self.stored[index], values, nothing)

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype=dtype)

    def __repr__(self) -> str:
        return f"Volume({self.path.name}, shape={self.shape}, {self.dtype}, {self.voxel_size_um} µm)"


def open_volume(path: str | Path, voxel_size_um: Zyx | None = None) -> Volume:
    """Open level 0 of an OME-Zarr image (NGFF 0.4 or 0.5) without reading its voxels.

    Parameters
    ----------
    path
        The `.ome.zarr` directory.
    voxel_size_um
        (z, y, x) in µm, instead of what the file says.

    Returns
    -------
    Volume
        Axes (z, y, x); singleton t and c are dropped; `.voxel_size_um` is (z, y, x) in µm.

    Raises
    ------
    VolumeError
        If there is no readable image, or its axes, units, shape or dtype are not usable.
    """
    path = Path(path)
    if not path.is_dir():
        raise VolumeError(f"{path}: no such OME-Zarr directory")
    check_group(path)
    try:
        # Consolidated metadata of an image that was extended later hides its arrays.
        group = zarr.open_group(path, mode="r", use_consolidated=False)
        attributes = group.attrs.asdict()
    except Exception as error:  # zarr raises many kinds on damaged metadata
        raise VolumeError(f"{path}: is not a readable zarr group: {_first_line(error)}") from error
    metadata = read_image_metadata(attributes, str(path), voxel_size_um)
    check_level(path, metadata.path)
    array = _level(group, metadata.path, path)
    lead = len(metadata.axes) - 3
    if array.ndim != len(metadata.axes) or any(n != 1 for n in array.shape[:lead]):
        raise VolumeError(
            f"{path}: shape {array.shape} with axes {','.join(metadata.axes)}, wanted z,y,x with t and c of 1"
        )
    return Volume(path, array, lead, metadata.voxel_size_um)


def _level(group: zarr.Group, name: str, path: Path) -> zarr.Array[Any]:
    try:
        level = group[name]
    except Exception as error:
        raise VolumeError(f"{path}: level {name!r} cannot be opened: {_first_line(error)}") from error
    if not isinstance(level, zarr.Array):
        raise VolumeError(f"{path}: level {name!r} is no array")
    return level


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def same_voxel_size(a: Zyx, b: Zyx) -> bool:
    """Whether two voxel sizes agree to a millionth."""
    return bool(np.allclose(a, b, rtol=1e-6, atol=0.0))
