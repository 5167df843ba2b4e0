"""The displacement between two boundary planes that the affine leaves: smooth, both ways alike, unfolded.

It lives on the working grid, in the frame half-way between the two planes, where neither side comes first:
swapping the sides turns its sign and nothing else. Walked by the exponential of a stationary velocity
field [1]_, a share of it composes with the rest to the whole, as the fractional powers of the affine do.

References
----------
.. [1] Arsigny V, Commowick O, Pennec X, Ayache N (2006). A log-Euclidean framework for statistics on
   diffeomorphisms. MICCAI 2006, LNCS 4190, 924-931. doi:10.1007/11866565_113
.. [2] Kroeger T, Timofte R, Dai D, Van Gool L (2016). Fast optical flow using dense inverse search.
   ECCV 2016, LNCS 9908, 471-488. doi:10.1007/978-3-319-46493-0_29
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from soct_core.affine import Affine2D
from soct_core.arrays import Mask, Plane
from soct_core.planes.warp import coverage, warp
from soct_core.registration.working_plane import LIKENESS_SMOOTHING_PX, Aspect, RegistrationPlane

Field = NDArray[np.float32]
"""(y, x, 2): a vector of each pixel of the working grid, x-y order, in its pixels."""
AGREEMENT_PX = 1.5
"""There and back may miss each other by so much (one sigma), in pixels of the working grid."""
SMOOTHING_PX = 5.0
"""Sigma that the displacement is smoothed by, in pixels of the working grid: about 2 % of the plane."""
REGION_PX = 8.0
"""Sigma of the region in which the planes must become more alike."""
LEAST_GAIN, FULL_GAIN = 0.2, 0.4
"""Share by which the mean squared difference of a region must fall for any of the displacement, and for all.
Measured on 60 gaps of five volumes: with 0.1 and 0.3 four times as many come out worse than by the affine."""
LEAST_JACOBIAN = 0.2
"""Change of area that cutting does not exceed. By hand."""
_ONE_MAP: Any = None
"""Both coordinates lie in the first map of OpenCV."""
_PREPARING_PX = 1.0
_LEAST_AGREEMENT = 0.1
_FINE_STEP_PX = 0.25
_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Displacement:
    """What is left between two planes once the affine has moved them, half-way between the two."""

    velocity: Field
    """`before(T**0.5 exp(-v/2) y)` is alike `after(T**-0.5 exp(v/2) y)`."""
    min_jacobian: float
    """Least change of area by any share of it; above 0, it folds nowhere."""
    rms_px: float
    """Root mean square of its length over tissue, in pixels of the slice along the shorter side."""
    share: float
    """Share of the tissue that is displaced; elsewhere the affine stays as it is."""
    factor: int
    """Pixels of the slice in one of the working grid, along the shorter side."""
    aspect: Aspect
    frame: Affine2D | None = None
    """From pixels of other slices, half-way, to those of the slices that it was found on: a scale and a
    shift. None: it leads the slices that it was found on."""

    @property
    def per_pixel(self) -> NDArray[np.float64]:
        """Pixels of the working grid in one of the slice that is led, (x, y)."""
        return np.diag(self.to_grid.matrix)

    @property
    def step(self) -> int:
        """Pixels of the slice that is led in one of the working grid, about."""
        return self.factor if self.frame is None else max(1, round(1 / float(self.per_pixel.max())))

    @property
    def to_grid(self) -> Affine2D:
        """From pixels of the slice that is led to pixels of the working grid."""
        per_pixel = np.asarray(np.array(self.aspect) / self.factor, np.float64)
        own = Affine2D.of(np.diag(per_pixel), (per_pixel - 1) / 2)
        return own if self.frame is None else own.compose(self.frame)

    def walked(self, share: float) -> Field:
        """`exp(share v)`, as the way that each pixel goes."""
        return exponential(self.velocity, share)


def exponential(velocity: Field, share: float) -> Field:
    """`exp(share v) - identity`, by scaling and squaring [1]_; the identity beside the grid."""
    longest = float(np.abs(velocity).max()) * abs(share)
    doublings = max(0, int(np.ceil(np.log2(max(longest, 1e-9) / _FINE_STEP_PX))))
    way = velocity * np.float32(share / 2**doublings)
    for _ in range(doublings):
        way = way + pulled(way, way)
    return way


def pulled(image: NDArray[Any], way: Field) -> NDArray[Any]:
    """`image(x + way(x))`, linear."""
    places = way + _pixels(way.shape[0], way.shape[1])
    return cv2.remap(image, places, _ONE_MAP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


@lru_cache(maxsize=2)
def _pixels(height: int, width: int) -> Field:
    """The place of every pixel itself."""
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return np.dstack((x, y))


def find_displacement(
    before: RegistrationPlane, after: RegistrationPlane, motion: Affine2D
) -> Displacement | None:
    """Find the displacement of two planes by dense inverse search [2]_, there and back.

    Parameters
    ----------
    before, after
        Slabs next to the gap, on one working grid.
    motion
        The affine, in pixels of the slice.

    Returns
    -------
    Displacement or None
        None where it makes no region more alike.
    """
    half, back = (after.on_grid(motion).power(share) for share in (0.5, -0.5))
    sides = _halfway(before, half), _halfway(after, back)
    inside = sides[0][1] & sides[1][1]
    tissue = inside & ((_led(before.tissue, half) > 0.5) | (_led(after.tissue, back) > 0.5))
    if not tissue.any() or min(inside.shape) < _LEAST_SIDE:
        return None
    planes = _smoothed(sides[0][0], _PREPARING_PX), _smoothed(sides[1][0], _PREPARING_PX)
    velocity = _where_more_alike(_agreed_flow(planes, inside), planes, inside)
    velocity, least = _unfolded(velocity)
    length = np.hypot(velocity[..., 0], velocity[..., 1])[tissue]
    if not (length > _FELT_PX).any():
        return None
    rms = float(np.sqrt((length**2).mean())) * before.factor
    return Displacement(velocity, least, rms, float((length > _FELT_PX).mean()), before.factor, before.aspect)


_LEAST_SIDE = 32
"""Dense inverse search wants a few of its patches of 8 px along each axis."""
_FELT_PX = 0.05
"""A shorter displacement changes nothing that can be seen."""


def min_jacobian(way: Field) -> float:
    """Least determinant of the Jacobian of `x -> x + way(x)`."""
    dx_dy, dx_dx = np.gradient(way[..., 0])
    dy_dy, dy_dx = np.gradient(way[..., 1])
    return float(((1 + dx_dx) * (1 + dy_dy) - dx_dy * dy_dx).min())


def _halfway(plane: RegistrationPlane, motion: Affine2D) -> tuple[Plane, Mask]:
    inside = coverage(plane.shape, motion)
    if plane.measured is not None:
        inside &= _led(plane.measured, motion) > 1 - 1e-3
    return np.asarray(warp(plane.image, motion)), inside


def _led(mask: Mask, motion: Affine2D) -> Plane:
    return np.asarray(warp(mask.astype(np.float32), motion))


def _agreed_flow(planes: tuple[Plane, Plane], inside: Mask) -> Field:
    """Half of there less back; it fades where the two disagree, and beside what both planes show."""
    there, back = _flows(planes)
    missed = np.maximum(_length(there + pulled(back, there)), _length(back + pulled(there, back)))
    trust = np.exp(-0.5 * (missed / AGREEMENT_PX) ** 2) * inside
    total = _smoothed(trust.astype(np.float32), SMOOTHING_PX)
    flow = _smoothed((there - back) / 2 * trust[..., None].astype(np.float32), SMOOTHING_PX)
    return np.asarray(flow / np.maximum(total, _LEAST_AGREEMENT)[..., None], np.float32)


def _flows(planes: tuple[Plane, Plane]) -> tuple[Field, Field]:
    low = min(float(plane.min()) for plane in planes)
    high = max(float(plane.max()) for plane in planes)
    scale = 255 / max(high - low, 1e-9)
    grey = [np.rint((plane - low) * scale).astype(np.uint8) for plane in planes]
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    there, back = (np.zeros((*plane.shape, 2), np.float32) for plane in grey)
    return (
        np.asarray(finder.calc(grey[0], grey[1], there), np.float32),
        np.asarray(finder.calc(grey[1], grey[0], back), np.float32),
    )


def _where_more_alike(velocity: Field, planes: tuple[Plane, Plane], inside: Mask) -> Field:
    """The velocity, faded where it does not make a region of the two planes more alike."""
    planes = _smoothed(planes[0], LIKENESS_SMOOTHING_PX), _smoothed(planes[1], LIKENESS_SMOOTHING_PX)
    unlike = _difference(planes[0], planes[1], inside)
    for _ in range(_ROUNDS):
        moved = pulled(planes[0], exponential(velocity, -0.5)), pulled(planes[1], exponential(velocity, 0.5))
        gain = 1 - _difference(*moved, inside) / np.maximum(unlike, 1e-12)
        kept = np.clip((gain - LEAST_GAIN) / (FULL_GAIN - LEAST_GAIN), 0, 1).astype(np.float32)
        if (kept > 1 - 1e-3).all():
            break
        velocity = velocity * _smoothed(kept, REGION_PX / 2)[..., None]
    return velocity


def _difference(a: Plane, b: Plane, inside: Mask) -> Plane:
    return _smoothed(np.where(inside, a - b, np.float32(0)) ** 2, REGION_PX)


def _unfolded(velocity: Field) -> tuple[Field, float]:
    """The velocity, smoothed until no share of it squeezes the plane too much, and the least Jacobian."""
    while True:
        least = min(min_jacobian(exponential(velocity, share)) for share in (-1.0, -0.5, 0.5, 1.0))
        if least >= LEAST_JACOBIAN:
            return velocity, least
        velocity = np.asarray(0.8 * _smoothed(velocity, SMOOTHING_PX), np.float32)


def _smoothed(plane: NDArray[Any], sigma: float) -> NDArray[Any]:
    return cv2.GaussianBlur(plane, (0, 0), sigma)


def _length(way: Field) -> Plane:
    return np.hypot(way[..., 0], way[..., 1])
