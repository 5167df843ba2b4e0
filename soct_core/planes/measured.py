"""What was measured of a plane: voxels that are finite and stored.

A voxel that is NaN or infinite, or whose chunk is not in the file, was not measured. It has no
weight anywhere: not in registration, not in a blend, not in a mean; where nothing else was
measured the output holds the background, with provenance 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.arrays import Mask


def measured(planes: NDArray[Any], stored: Mask | None = None) -> Mask | None:
    """Voxels that were measured, of the shape of `planes`; None, the usual case, means all of them.

    `stored` says which voxels the file holds; None means all.
    """
    found = stored
    if planes.dtype.kind == "f":
        finite: Mask = np.isfinite(planes)
        found = finite if found is None else found & finite
    return None if found is None or found.all() else found


def stored_in(volume: Any, index: int | slice) -> Mask | None:
    """Voxels of some planes that the file behind a volume holds; None, the usual case, means all.

    Views of volumes pass on the `stored` of what they view: a lazy mask, (z, y, x), or None.
    """
    stored = getattr(volume, "stored", None)
    return None if stored is None else np.asarray(stored[index])


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
