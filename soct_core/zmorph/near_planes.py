"""Near planes: the few planes of each slice that a gap is judged by, reduced while they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from soct_core.arrays import Sliceable
from soct_core.registration.reduced_reading import read_reduced
from soct_core.registration.working_plane import ReducedPlanes, RegistrationPlane, pixel_aspect

_READ_DEPTH = 8
"""Planes read at a time where the volume names no chunks: what we write has chunks as deep."""


@dataclass(frozen=True, eq=False)
class NearSide:
    """One side of a gap; planes are counted from the gap."""

    planes: ReducedPlanes
    """The nearest planes."""
    far: ReducedPlanes | None
    """Planes at the other end of the slice; None where `planes` holds the whole slice."""
    depth: int
    """Planes of the slice."""
    above: bool
    """Whether the gap lies below."""
    plane_um: float | None = None
    """Distance of planes; None where the volume does not say."""

    def far_slab(self, size: int) -> RegistrationPlane | None:
        """The slab farthest from the gap; None if it would share a plane with the nearest."""
        planes = self.planes if self.far is None else self.far
        if self.far is None and len(planes) < 2 * size:
            return None
        return planes.plane(max(0, len(planes) - size), len(planes) - 1)


def near_side(volume: Sliceable, reach: int, far: int, *, above: bool) -> NearSide:
    """Read one side of a gap.

    Parameters
    ----------
    volume
        (z, y, x).
    reach, far
        Planes to read next to the gap, and at the other end.
    above
        Whether the gap lies below this slice, so that its last plane is the nearest.
    """
    further = far_planes(volume, reach, far, above=above)
    near = nearest_planes(volume, reach, above=above)
    return NearSide(near, further, volume.shape[0], above, plane_distance(volume))


def nearest_planes(volume: Sliceable, reach: int, *, above: bool) -> ReducedPlanes:
    """The planes next to the gap; see `near_side`."""
    depth = volume.shape[0]
    reach = min(reach, depth)
    return _read(volume, depth - reach if above else 0, reach, above=above)


def far_planes(volume: Sliceable, reach: int, far: int, *, above: bool) -> ReducedPlanes | None:
    """The planes at the other end, the nearest first; None where those next to the gap are all there are."""
    depth = volume.shape[0]
    far = min(far, depth)
    if depth <= reach or not far:
        return None
    return _read(volume, 0 if above else depth - far, far, above=above)


def plane_distance(volume: Sliceable) -> float | None:
    """Distance of planes in µm, where the volume knows its voxel size."""
    size = getattr(volume, "voxel_size_um", None)
    return None if size is None else float(size[0])


def _read(volume: Sliceable, first: int, count: int, *, above: bool) -> ReducedPlanes:
    """Planes from `first` on, the one nearest the gap first."""
    aspect = pixel_aspect(getattr(volume, "voxel_size_um", None))
    parts = [read_reduced(volume, block, aspect=aspect) for block in blocks(volume, first, count)]
    values = np.concatenate([part.values for part in parts])
    masks = None
    if any(part.measured is not None for part in parts):
        masks = np.concatenate(
            [np.ones(p.values.shape, bool) if p.measured is None else p.measured for p in parts]
        )
    step = -1 if above else 1
    masks = None if masks is None else masks[::step]
    return ReducedPlanes(values[::step], parts[0].factor, masks, aspect).without_stripes()


def blocks(volume: Sliceable, first: int, count: int) -> Iterator[slice]:
    """Slices of `count` planes from `first` on that end where chunks end, so that no chunk is read twice."""
    depth = int((getattr(volume, "chunks", None) or (_READ_DEPTH,))[0]) or _READ_DEPTH
    start, end = first, first + count
    while start < end:
        stop = min(end, start - start % depth + depth)
        yield slice(start, stop)
        start = stop
