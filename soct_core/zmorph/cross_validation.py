"""Cross-validation on the slices beside a gap: planes that were imaged are held out, and predicted.

What two planes differ by says how far the truth between them may lie only if one knows how the tissue changes
with depth: little where structures go on, by all of it where they begin and end between two planes, as in
coarse voxels. Here the tissue itself is asked.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from soct_core.affine import Affine2D
from soct_core.arrays import Plane
from soct_core.registration.working_plane import ReducedPlanes
from soct_core.zmorph.displacement import find_displacement, pulled
from soct_core.zmorph.sources import noise_variance

LOCAL_PX = 2.0
"""Sigma of what is local, in pixels of the working grid."""
LEAST_SIGNAL = 0.5
"""Share of the mean squared difference of two planes that noise must leave, or nothing is learnt."""


@dataclass(frozen=True)
class HeldOut:
    """How well planes that were imaged are predicted from those above and below, as the gap is."""

    error: float
    """Error half-way between two planes that holds for 90 % of tissue, as a share of the local difference."""
    square: float
    """Mean squared error over tissue."""


def held_out(
    sides: tuple[ReducedPlanes, ReducedPlanes], count: int, span: float, *, deformable: bool
) -> HeldOut | None:
    """Hold out a plane of each slice, and predict it.

    Parameters
    ----------
    sides
        Planes of before and of after on the working grid, the one nearest the gap first.
    count
        Planes that a source is the mean of.
    span
        From face to face of the gap, in planes: as far apart, if there are as many planes, are those that
        predict the one between them.
    deformable
        Whether a displacement is added between them.

    Returns
    -------
    HeldOut or None
        The mean of both sides; None where noise hides it, or planes are too few.
    """
    found = [one for side in sides if (one := _held_out(side, count, span, deformable)) is not None]
    if not found:
        return None
    return HeldOut(*(float(np.mean(of_both)) for of_both in zip(*map(astuple, found), strict=True)))


def local_rms(square: Plane, share: Plane | None = None) -> Plane:
    """Local root mean square, from squares, (y, x), and where given from the share of each that is known."""
    total = cv2.GaussianBlur(square, (0, 0), LOCAL_PX)
    if share is None:
        return np.sqrt(total)
    return np.asarray(np.sqrt(total / np.maximum(cv2.GaussianBlur(share, (0, 0), LOCAL_PX), 1e-6)))


def _held_out(planes: ReducedPlanes, count: int, span: float, deformable: bool) -> HeldOut | None:
    averaged = min(count, len(planes) // 3)
    step = min((len(planes) - averaged) // 2, max(1, round(span / 2))) if averaged else 0
    if step < max(1, averaged):
        return None
    starts = [index * step for index in range(3)]
    ready = [planes.plane(start, start + averaged - 1) for start in starts]
    upper, held, lower = (planes.values[start : start + averaged].mean(axis=0) for start in starts)
    tissue = ready[1].tissue
    if not tissue.any():
        return None
    whole = float(((upper - lower) ** 2)[tissue].mean(dtype=np.float64))
    noise = noise_variance(_differences(planes, tissue)) / averaged
    if not whole > 0 or whole - 2 * noise < LEAST_SIGNAL * whole:
        return None
    way = find_displacement(ready[0], ready[2], Affine2D.identity()) if deformable else None
    if way is not None:
        upper, lower = pulled(upper, way.walked(-0.5)), pulled(lower, way.walked(0.5))
    square = (upper - lower) ** 2
    local = local_rms(square)[tissue]
    error = np.abs((upper + lower) / 2 - held)[tissue]
    known = local > 0
    share = float(np.quantile(error[known] / local[known], 0.9)) if known.any() else None
    return None if share is None else HeldOut(share, float(np.mean(error**2, dtype=np.float64)))


def _differences(planes: ReducedPlanes, tissue: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean squared difference over tissue of planes one and two apart."""
    pairs = 3
    found = []
    for lag in (1, 2):
        firsts = range(min(pairs, len(planes) - lag))
        apart = [(planes.values[i] - planes.values[i + lag])[tissue] for i in firsts]
        found.append(np.mean([np.mean(one**2, dtype=np.float64) for one in apart]))
    return np.array(found)
