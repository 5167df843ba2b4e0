"""The morph of a gap: planes led by fractional powers [1]_ of one affine from the slice before to that after.

SPEC section 5.

References
----------
.. [1] Arsigny V, Commowick O, Ayache N, Pennec X (2009). A fast and log-Euclidean polyaffine framework for
   locally linear registration. Journal of Mathematical Imaging and Vision 33(2), 222-238.
   doi:10.1007/s10851-008-0135-9
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.arrays import Mask
from soct_core.planes.dtypes import to_dtype, to_float
from soct_core.planes.measured import blanked
from soct_core.planes.padding import fills_frame
from soct_core.planes.warp import coverage, warp, warp_measured
from soct_core.registration.working_plane import RegistrationPlane, registration_plane
from soct_core.zmorph.cross_fade import cross_fade, feather


class Morph:
    """A gap that passed all gates: yields the planes of the missing slice, in z order.

    `residual_top`, `residual_bottom` and `max_imaginary` describe the planes that were yielded so far.
    `where` holds, for the plane before and the plane after, a mask of what was measured; None means all.
    """

    def __init__(
        self,
        plane_before: NDArray[Any],
        plane_after: NDArray[Any],
        motion: Affine2D,
        settings: InterpolationSettings,
        where: tuple[Mask | None, Mask | None] = (None, None),
    ) -> None:
        self.dtype = plane_before.dtype
        self.residual_top: float | None = None
        self.residual_bottom: float | None = None
        self.max_imaginary = 0.0
        self._raw = plane_before, plane_after
        self._where = where
        self._float = (
            blanked(to_float(plane_before), where[0]),
            blanked(to_float(plane_after), where[1]),
        )
        self._motion = motion
        self._settings = settings
        ready = (
            registration_plane(plane_before, where=where[0]),
            registration_plane(plane_after, where=where[1]),
        )
        self._background = _background(self._raw, ready, where)
        self._factor = ready[0].factor
        self._feathers = (
            tuple(feather(plane.tissue, plane.factor) for plane in ready)
            if settings.blend_method == "gaussian"
            else None
        )

    def planes(self, nz_out: int) -> Iterator[NDArray[Any]]:
        """Planes (y, x) of the inputs' dtype, shallowest first."""
        steps = alphas(nz_out, self._settings.alpha_sampling)
        for index, alpha in enumerate(steps):
            plane = self._plane(alpha)
            if index == 0:
                self.residual_top = _mean_difference(plane, self._raw[0])
            if index == nz_out - 1:
                self.residual_bottom = _mean_difference(plane, self._raw[1])
            yield plane

    def _plane(self, alpha: float) -> NDArray[Any]:
        if alpha in (0.0, 1.0):
            return self._raw[int(alpha)]
        motions = []
        for exponent in (alpha, alpha - 1.0):
            motion, imaginary = self._motion.power_and_imaginary(exponent)
            self.max_imaginary = max(self.max_imaginary, imaginary)
            motions.append(motion)
        moved = [_moved(*side) for side in zip(self._float, self._where, motions, strict=True)]
        warped = [values for values, _ in moved]
        weights: list[NDArray[Any]] = [covered for _, covered in moved]
        shape = self._raw[0].shape[0], self._raw[0].shape[1]
        if self._feathers is not None:
            weights = [
                w * warp(soft, motion.onto_coarser(self._factor), shape)
                for w, soft, motion in zip(weights, self._feathers, motions, strict=True)
            ]
        faded = cross_fade(alpha, (warped[0], warped[1]), (weights[0], weights[1]), self._background)
        return to_dtype(faded, self.dtype)


def _moved(plane: NDArray[Any], where: Mask | None, motion: Affine2D) -> tuple[NDArray[Any], Mask]:
    if where is not None:
        return warp_measured(plane, where, motion)
    return warp(plane, motion), coverage((plane.shape[0], plane.shape[1]), motion)


def alphas(nz_out: int, sampling: str) -> NDArray[np.float64]:
    """Fractional depths of the output planes: 0 is the boundary of before, 1 that of after."""
    if nz_out < 1:
        raise ValueError(f"output_z is {nz_out}, wanted 1 at least")
    if sampling == "interior":
        return (np.arange(nz_out) + 1.0) / (nz_out + 1)
    return np.array([0.5]) if nz_out == 1 else np.arange(nz_out) / (nz_out - 1)


def _background(
    planes: tuple[NDArray[Any], ...],
    ready: tuple[RegistrationPlane, ...],
    where: tuple[Mask | None, Mask | None],
) -> float:
    """What a pixel without data holds: the median of all that is not tissue; zeros beside padding."""
    if any(mask is not None and not fills_frame(mask) for mask in where):
        return 0.0
    outside = []
    for plane, reduced in zip(planes, ready, strict=True):
        step, (height, width) = reduced.factor, reduced.shape
        outside.append(plane[step // 2 :: step, step // 2 :: step][:height, :width][~reduced.tissue])
    values = np.concatenate(outside)
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else 0.0


def _mean_difference(a: NDArray[Any], b: NDArray[Any]) -> float:
    if a is b:
        return 0.0
    difference = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return float(np.nan_to_num(difference, nan=0.0, posinf=0.0).mean())
