"""Which planes of a slice are looked at, and the slabs that are compared with other slices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from schemas.quality import QualitySettings
from soct_core.arrays import Mask, Sliceable
from soct_core.planes.tissue import tissue_mask
from soct_core.registration.reduced_reading import read_plane
from soct_core.registration.working_plane import RegistrationPlane, block_mean

Field = tuple[slice, slice]
REACH = 4
"""In slots. Slices further off say nothing of what to expect: anatomy changes too much. Chosen by hand."""
WITNESSES = 4
"""Slices that judge one: two on each side, or four where all are on one side. Chosen by hand."""
_RINGS = 3
"""Of witnesses around a slice."""
_COARSE_SIDE_PX = 64
"""Shorter side at which noise of single pixels is averaged away, and agarose still has no tissue. By hand."""
_LEAST_SHARED_PX = 32
"""Shorter side of what two slices both show, on the working grid, below which all of both is compared: they
are unlike then. Chosen by hand."""
_MOST_PLANES = 5
"""Of a slab. Chosen by hand: more gain little, and cost reading."""


@dataclass(frozen=True)
class LookedAt:
    """Planes of a slice, counted from the top: those that its own depth holds."""

    top: int
    bottom: int
    slab: int
    """Planes of the slabs at top and bottom."""

    @classmethod
    def of(cls, planes: int, voxel_z_um: float, settings: QualitySettings) -> LookedAt:
        """Choose planes of a slice of so many planes."""
        own = max(1, min(planes, round(settings.slicing_interval_um / voxel_z_um)))
        top = min(int(settings.top_depth_um / voxel_z_um + 1e-9), own - 1)
        slab = max(1, min(round(settings.slab_um / voxel_z_um), _MOST_PLANES, own - top))
        return cls(top, own - 1, slab)

    @property
    def singles(self) -> tuple[int, ...]:
        """The planes that are measured one by one: top, middle, bottom."""
        return tuple(sorted({self.top, (self.top + self.bottom) // 2, self.bottom}))


def upper_face(volume: Sliceable, looked_at: LookedAt, factor: int | None = None) -> RegistrationPlane:
    """The slab at the top of a slice: what the slice above is compared with."""
    return _slab(volume, looked_at.top, looked_at.slab, factor)


def lower_face(volume: Sliceable, looked_at: LookedAt, factor: int | None = None) -> RegistrationPlane:
    """The slab at the bottom of a slice: what the slice below is compared with."""
    return _slab(volume, looked_at.bottom - looked_at.slab + 1, looked_at.slab, factor)


def _slab(volume: Sliceable, first: int, count: int, factor: int | None) -> RegistrationPlane:
    return read_plane(volume, slice(first, first + count), factor)


def both_show(
    faces: tuple[RegistrationPlane, RegistrationPlane], fields: tuple[Field, Field]
) -> tuple[RegistrationPlane, RegistrationPlane]:
    """The part of two faces on a common canvas that lies in the field of view of both slices.

    What one slice does not show because it was imaged elsewhere is not missing from it.

    Parameters
    ----------
    fields
        Where each slice lies on the canvas: first and last pixel + 1, along y and along x.
    """
    factor = faces[0].factor
    part = tuple(
        slice(-(-max(a.start, b.start) // factor), min(a.stop, b.stop) // factor)
        for a, b in zip(*fields, strict=True)
    )
    if min(side.stop - side.start for side in part) < _LEAST_SHARED_PX:
        return faces
    upper, lower = (
        replace(
            face,
            image=np.ascontiguousarray(face.image[part]),
            measured=None if face.measured is None else np.ascontiguousarray(face.measured[part]),
        )
        for face in faces
    )
    return upper, lower


def tissue_of(plane: RegistrationPlane) -> Mask:
    """Pixels of tissue; where noise hides it at the scale of the plane, those found at a coarser one."""
    factor = min(plane.shape) // _COARSE_SIDE_PX
    if factor < 2 or plane.tissue.any():
        return plane.tissue
    coarse = tissue_mask(block_mean(plane.image, factor))
    size = coarse.shape[1] * factor, coarse.shape[0] * factor
    found = np.zeros(plane.shape, dtype=bool)
    found[: size[1], : size[0]] = cv2.resize(coarse.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return found if plane.measured is None else found & plane.measured


def witnesses(slice_id: int, ids: tuple[int, ...]) -> tuple[int, ...]:
    """The slices that one is judged by, the nearest first: at most `WITNESSES`, none beyond `REACH`."""
    others = sorted((abs(other - slice_id), other) for other in ids if other != slice_id)
    return tuple(other for distance, other in others if distance <= REACH)[:WITNESSES]


def pairs_to_compare(ids: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Every slice with its witnesses."""
    wanted = {(min(i, w), max(i, w)) for i in ids for w in witnesses(i, ids)}
    return tuple(sorted(wanted))


def surroundings(slice_id: int, ids: tuple[int, ...]) -> tuple[int, ...]:
    """All slices that bear on one: its witnesses, those that judge these, and what they are compared with."""
    found = {slice_id}
    for _ in range(_RINGS):
        found |= {further for one in found for further in witnesses(one, ids)}
    return tuple(sorted(found))
