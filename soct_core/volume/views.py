"""Lazy views of volumes: their trusted part, and their place on planes of a common shape."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.common_space import Window
from soct_core.arrays import Sliceable, Zyx
from soct_core.errors import VolumeError
from soct_core.planes.measured import imaged_of
from soct_core.volume.reading import same_voxel_size


class VolumeView:
    """The first planes of a volume, (z, y, x), placed on planes of `plane_shape` at `offset`.

    Nothing is read until it is sliced, and nothing is copied on disk. Pixels beside the volume
    are zeros.

    Parameters
    ----------
    volume
        What is viewed.
    planes
        So many planes from the top; all by default.
    plane_shape
        (y, x) of the view; by default that of the volume.
    offset
        Pixel (x, y) of the view at which the volume's pixel (0, 0) lies.
    beside_is_imaged
        Whether the zeros beside the volume count as imaged.
    """

    def __init__(
        self,
        volume: Sliceable,
        planes: int | None = None,
        plane_shape: tuple[int, int] | None = None,
        offset: tuple[int, int] = (0, 0),
        *,
        beside_is_imaged: bool = False,
    ) -> None:
        depth, height, width = volume.shape
        x, y = offset
        shape = plane_shape or (height, width)
        if x < 0 or y < 0 or x + width > shape[1] or y + height > shape[0]:
            raise VolumeError(f"a plane of {(height, width)} at {offset} leaves the canvas {shape}")
        self.shape = (depth if planes is None else min(planes, depth), *shape)
        self.dtype = volume.dtype
        self.voxel_size_um: Zyx | None = getattr(volume, "voxel_size_um", None)
        """In µm, (z, y, x); None where the volume does not say."""
        self._volume = volume
        self._place = (..., slice(y, y + height), slice(x, x + width))
        self._is_placed = plane_shape is not None
        self._beside = False
        self._view = planes, plane_shape, offset
        self._beside_is_imaged = beside_is_imaged

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Those of the volume, if it has any."""
        found: tuple[int, ...] | None = getattr(self._volume, "chunks", None)
        return found

    @cached_property
    def imaged(self) -> Sliceable:
        """Lazy mask of what was imaged, of the shape of the view."""
        mask = VolumeView(imaged_of(self._volume), *self._view)
        mask._beside = self._beside_is_imaged
        return mask

    def __getitem__(self, index: int | slice | tuple[Any, ...]) -> NDArray[Any]:
        first, *rest = index if isinstance(index, tuple) else (index,)
        wanted = self._planes(first)
        if not self._is_placed:
            return np.asarray(self._volume[(wanted, *rest)])
        bands = [_band(rest[axis : axis + 1], self.shape[1 + axis]) for axis in (0, 1)]
        depth = range(self.shape[0])[first]
        shape = () if isinstance(depth, int) else (len(depth),)
        canvas = np.full(
            (*shape, *(band.stop - band.start for band in bands)), self._beside, dtype=self.dtype
        )
        inside = [
            slice(max(band.start, held.start), min(band.stop, held.stop))
            for band, held in zip(bands, self._place[1:], strict=True)
        ]
        if all(part.start < part.stop for part in inside):
            part = [
                slice(one.start - held.start, one.stop - held.start)
                for one, held in zip(inside, self._place[1:], strict=True)
            ]
            whole = all(
                one == slice(0, held.stop - held.start)
                for one, held in zip(part, self._place[1:], strict=True)
            )
            planes = np.asarray(self._volume[wanted] if whole else self._volume[(wanted, *part)])
            rows, columns = (
                slice(one.start - band.start, one.stop - band.start)
                for one, band in zip(inside, bands, strict=True)
            )
            canvas[..., rows, columns] = planes
        # What was read as a band is there as it was asked for.
        left = [
            slice(None) if band != slice(0, size) else (rest[axis] if axis < len(rest) else slice(None))
            for axis, (band, size) in enumerate(zip(bands, self.shape[1:], strict=True))
        ]
        return canvas[(*[slice(None)] * (canvas.ndim - 2), *left)]

    def _planes(self, index: int | slice) -> int | slice:
        """An index of the view as one of the volume, which may be deeper."""
        depth = self.shape[0]
        if isinstance(index, slice):
            wanted = range(*index.indices(depth))
            # A negative stop of a descending slice means "before plane 0".
            stop = None if wanted.stop < 0 else wanted.stop
            return slice(wanted.start, stop, wanted.step) if wanted else slice(0, 0)
        if not -depth <= index < depth:
            raise IndexError(f"plane {index} of {depth}")
        return index % depth


def _band(rest: Sequence[Any], size: int) -> slice:
    """The rows, or columns, that an index asks for, where it asks for a band of them; else all."""
    wanted = rest[0] if rest else slice(None)
    if isinstance(wanted, slice) and wanted.step in (None, 1):
        start, stop, _ = wanted.indices(size)
        return slice(start, max(start, stop))
    return slice(0, size)


def trusted_part(volume: Sliceable, planes: int) -> VolumeView:
    """The planes of a slice that are trusted in the volume; its last one is the boundary plane."""
    return VolumeView(volume, planes)


def seen_through(volume: Sliceable, window: Window | None) -> Sliceable:
    """The volume through its window onto the canvas; itself where there is none.

    Raises
    ------
    VolumeError
        If the volume does not fit on the canvas where the window puts it.
    """
    if window is None:
        return volume
    return VolumeView(volume, None, window.plane_shape, window.offset)


def padded_to_common_shape(
    a: Sliceable, b: Sliceable, *, zeros_count: bool = False
) -> tuple[Sliceable, Sliceable]:
    """Both volumes with planes of the larger size along each axis, zeros at the far edges.

    `zeros_count` says whether these zeros count as imaged.
    """
    shape = max(a.shape[1], b.shape[1]), max(a.shape[2], b.shape[2])
    return _padded(a, shape, zeros_count), _padded(b, shape, zeros_count)


def _padded(volume: Sliceable, shape: tuple[int, int], zeros_count: bool) -> Sliceable:
    if volume.shape[1:] == shape:
        return volume
    return VolumeView(volume, None, shape, beside_is_imaged=zeros_count)


def check_neighbours(vol_before: Sliceable, vol_after: Sliceable) -> None:
    """Refuse volumes that cannot be the two sides of a gap; VolumeError says why."""
    for name, volume in (("before", vol_before), ("after", vol_after)):
        if len(volume.shape) != 3 or 0 in volume.shape:
            raise VolumeError(f"vol_{name} has shape {volume.shape}, wanted (z, y, x), none of them 0")
        if np.dtype(volume.dtype).kind not in "uif":
            raise VolumeError(f"vol_{name} has dtype {volume.dtype}, wanted a real number type")
    if vol_before.dtype != vol_after.dtype:
        raise VolumeError(f"vol_before is {vol_before.dtype}, vol_after {vol_after.dtype}, wanted the same")
    a, b = (getattr(volume, "voxel_size_um", None) for volume in (vol_before, vol_after))
    if a is not None and b is not None and not same_voxel_size(a, b):
        raise VolumeError(f"vol_before has voxels of {a} µm, vol_after of {b}, wanted the same")
