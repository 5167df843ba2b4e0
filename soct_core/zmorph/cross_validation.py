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
from soct_core.arrays import Mask, Plane
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
    sides: tuple[ReducedPlanes, ReducedPlanes],
    count: int,
    span: float,
    *,
    deformable: bool,
    darkens: bool = False,
) -> tuple[HeldOut, HeldOut] | None:
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
        Whether to ask what a displacement between them adds.
    darkens
        Whether light is lost from plane to plane: they are brought to the same brightness, as that says
        nothing of the tissue.

    Returns
    -------
    tuple of HeldOut, or None
        As they lie, and with the displacement, over the same pixels; the mean of both sides. None where noise
        hides it, or planes are too few.
    """
    found = [
        one for side in sides if (one := _held_out(side, count, span, (deformable, darkens))) is not None
    ]
    if not found:
        return None
    plain, displaced = (
        HeldOut(*(float(np.mean(of_both)) for of_both in zip(*map(astuple, way), strict=True)))
        for way in zip(*found, strict=True)
    )
    return plain, displaced


def local_rms(square: Plane, share: Plane | None = None) -> Plane:
    """Local root mean square, from squares, (y, x), and where given from the share of each that is known."""
    total = local_mean(square)
    if share is None:
        return np.sqrt(total)
    return np.asarray(np.sqrt(total / np.maximum(local_mean(share), 1e-6)))


def local_mean(plane: Plane) -> Plane:
    """Local mean of a plane, (y, x), of the working grid."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), LOCAL_PX))


def _held_out(
    planes: ReducedPlanes, count: int, span: float, asked: tuple[bool, bool]
) -> tuple[HeldOut, HeldOut] | None:
    deformable, darkens = asked
    planes = _evened(planes) if darkens else planes
    averaged = min(count, len(planes) // 3)
    step = min((len(planes) - averaged) // 2, max(1, round(span / 2))) if averaged else 0
    if step < max(1, averaged):
        return None
    ranges = [(index * step, index * step + averaged - 1) for index in range(3)]
    ready = [planes.plane(*of) for of in ranges]
    upper, held, lower = (planes.intensity(*of).astype(np.float32) for of in ranges)
    known = ready[1].tissue & np.isfinite(upper) & np.isfinite(held) & np.isfinite(lower)
    if not known.any():
        return None
    whole = float(((upper - lower) ** 2)[known].mean(dtype=np.float64))
    noise = noise_variance(_differences(planes, ready[1].tissue)) / averaged
    if not whole > 0 or whole - 2 * noise < LEAST_SIGNAL * whole:
        return None
    way = find_displacement(ready[0], ready[2], Affine2D.identity()) if deformable else None
    led = (upper, lower)
    if way is not None:
        led = pulled(upper, way.walked(-0.5)), pulled(lower, way.walked(0.5))
        known &= np.isfinite(led[0]) & np.isfinite(led[1])
    plain = _predicted(upper, lower, held, known)
    displaced = plain if way is None else _predicted(*led, held, known)
    return None if plain is None or displaced is None else (plain, displaced)


def _evened(planes: ReducedPlanes) -> ReducedPlanes:
    """The planes, each brought to the brightness of the first, so far as its tissue has any."""
    tissue = planes.plane(0, len(planes) - 1).tissue
    means = planes.means(tissue)
    has = (means > 0) & (means[0] > 0)
    factors = np.where(has, means[0] / np.where(has, means, 1), 1).astype(np.float32)
    values = planes.values * factors[:, None, None]
    return ReducedPlanes(values, planes.factor, planes.measured, planes.aspect)


def _predicted(upper: Plane, lower: Plane, held: Plane, known: Mask) -> HeldOut | None:
    square = (upper - lower) ** 2
    there = np.isfinite(square)
    share = None if there.all() else there.astype(np.float32)
    local = local_rms(np.where(there, square, np.float32(0)), share)[known]
    error = np.abs((upper + lower) / 2 - held)[known]
    differ = local > 0
    if not differ.any():
        return None
    most = float(np.quantile(error[differ] / local[differ], 0.9))
    return HeldOut(most, float(np.mean(error**2, dtype=np.float64)))


def _differences(planes: ReducedPlanes, tissue: Mask) -> NDArray[np.float64]:
    """Mean squared difference over tissue of planes one and two apart."""
    pairs = 3
    found = []
    for lag in (1, 2):
        apart = []
        for i in range(min(pairs, len(planes) - lag)):
            unlike = (planes.intensity(i, i) - planes.intensity(i + lag, i + lag))[tissue] ** 2
            both = unlike[np.isfinite(unlike)]
            apart.append(both.mean() if both.size else 0.0)
        found.append(np.mean(apart))
    return np.array(found)
