"""What was measured of a plane: voxels that were imaged, that are stored, and that are finite.

A voxel that is NaN or infinite, that lies in the padding, or whose chunk was lost, was not measured.
It has no weight anywhere: not in registration, not in a blend, not in a mean; where nothing else was
measured the output holds the background, with provenance 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.arrays import Mask, Sliceable
from soct_core.planes.padding import ImagedBox, fills_frame


def read_measured(volume: Sliceable, index: int | slice) -> tuple[NDArray[Any], Mask | None]:
    """Some whole planes of a volume, and which of their voxels were measured; None: all of them."""
    planes = np.asarray(volume[index])
    return planes, measured(planes, imaged_in(volume, index, planes))


def measured(planes: NDArray[Any], imaged: Mask | None = None) -> Mask | None:
    """Voxels that were measured, of the shape of `planes`; None, the usual case, means all of them.

    `imaged` says which voxels were imaged and stored; None means all.
    """
    found = imaged
    if planes.dtype.kind == "f":
        finite: Mask = np.isfinite(planes)
        found = finite if found is None else found & finite
    return None if found is None or found.all() else found


def imaged_in(volume: Sliceable, index: int | slice, planes: NDArray[Any]) -> Mask | None:
    """Voxels of some whole planes that were imaged and stored; None, the usual case, means all.

    Volumes and their views know by their `imaged`, a lazy mask, (z, y, x); a bare array shows its padding.
    """
    if isinstance(volume, np.ndarray):
        return None if fills_frame(planes) else np.asarray(imaged_of(volume)[index])
    found: Mask = np.asarray(imaged_of(volume)[index])
    return None if found.all() else found


def imaged_of(volume: Sliceable) -> Sliceable:
    """The mask, (z, y, x), of what was imaged of a volume; of an array, what lies inside its padding.

    An array of nothing but zeros has no inside: it is taken as it is.
    """
    known: Sliceable | None = getattr(volume, "imaged", None)
    if known is not None:
        return known
    if isinstance(volume, np.ndarray):
        box = ImagedBox(volume.shape[1:])
        box.see(volume)
        inside = box.inside().mask(volume.shape[1:])
        return np.broadcast_to(inside if inside.any() else np.True_, volume.shape)
    return np.broadcast_to(np.True_, volume.shape)


def background_of(volume: Sliceable) -> float:
    """What a voxel that was not measured holds: 0, or where 0 is bright, the darkest that was measured.

    It is bright where most of what was measured lies below it, as in decibels. Looked at are the first,
    middle and last plane; the darkest is rounded down to a whole number.

    Examples
    --------
    >>> background_of(np.full((2, 4, 4), 7, np.uint16)), background_of(np.full((2, 4, 4), -20.5, np.float32))
    (0.0, -21.0)
    """
    if np.dtype(volume.dtype).kind == "u":
        return 0.0
    depth, seen = volume.shape[0], []
    for z in sorted({0, depth // 2, depth - 1}):
        plane, where = read_measured(volume, z)
        seen.append(plane.ravel() if where is None else plane[where])
    values = np.concatenate(seen)
    if not values.size or float(np.median(values)) >= 0:
        return 0.0
    return float(np.floor(values.min()))


def measured_mean(planes: NDArray[Any], where: Mask | None) -> NDArray[np.float64]:
    """Mean of several planes, (k, y, x), over what was measured; NaN where nothing was."""
    if where is None:
        return np.asarray(planes.mean(axis=0, dtype=np.float64))
    count = where.sum(axis=0)
    total = np.where(where, planes, 0).sum(axis=0, dtype=np.float64)
    mean = np.full(count.shape, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def blanked(planes: NDArray[Any], where: Mask | None) -> NDArray[Any]:
    """The planes with zeros where nothing was measured; themselves where all was."""
    return planes if where is None else np.where(where, planes, planes.dtype.type(0))
