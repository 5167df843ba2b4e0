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
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.arrays import Mask
from soct_core.planes.dtypes import to_dtype, to_float
from soct_core.planes.measured import blanked
from soct_core.planes.padding import fills_frame
from soct_core.planes.warp import warp
from soct_core.registration.working_plane import RegistrationPlane, registration_plane
from soct_core.zmorph.cross_fade import cross_fade, feather
from soct_core.zmorph.displacement import Displacement
from soct_core.zmorph.sources import Source
from soct_core.zmorph.walk import Walk


@dataclass(frozen=True, eq=False)
class Refined:
    """What is added to the affine and the two faces."""

    displacement: Displacement | None = None
    sources: tuple[Source, Source] | None = None
    """Of before and of after; None: the faces themselves."""
    planes: int = 1
    """Planes that each source is the mean of."""
    noise: float = 0.0
    """Standard deviation of the noise of one plane, in intensity."""
    held_out_error: float | None = None
    """Error of planes that were held out, as a share of what their neighbours differ by; None: not known."""

    @property
    def source_noise(self) -> float:
        """Standard deviation of the noise that is left in a source."""
        return self.noise / float(np.sqrt(self.planes))


PLAIN = Refined()


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
        refined: Refined = PLAIN,
    ) -> None:
        self.dtype = plane_before.dtype
        self.residual_top: float | None = None
        self.residual_bottom: float | None = None
        self.refined = refined
        self._raw = plane_before, plane_after
        self._sources = refined.sources or (
            Source(blanked(to_float(plane_before), where[0]), where[0]),
            Source(blanked(to_float(plane_after), where[1]), where[1]),
        )
        self.sampling = settings.alpha_sampling
        self.shape = plane_before.shape[0], plane_before.shape[1]
        ready = (
            registration_plane(plane_before, where=where[0]),
            registration_plane(plane_after, where=where[1]),
        )
        self.walk = Walk(motion, refined.displacement)
        self._background = _background(self._raw, ready, where)
        self.factor = ready[0].factor
        self._feathers = (
            tuple(feather(plane.tissue, plane.factor) for plane in ready)
            if settings.blend_method == "gaussian"
            else None
        )

    @property
    def max_imaginary(self) -> float:
        """Largest imaginary part that was dropped from a power of the affine."""
        return self.walk.max_imaginary

    def planes(self, nz_out: int) -> Iterator[NDArray[Any]]:
        """Planes (y, x) of the inputs' dtype, shallowest first."""
        steps = alphas(nz_out, self.sampling)
        for index, alpha in enumerate(steps):
            plane = self._plane(alpha)
            if index == 0:
                self.residual_top = _mean_difference(plane, self._raw[0])
            if index == nz_out - 1:
                self.residual_bottom = _mean_difference(plane, self._raw[1])
            yield plane

    def sides(self, alpha: float) -> tuple[tuple[NDArray[Any], Mask], tuple[NDArray[Any], Mask]]:
        """Before and after, led to the plane at `alpha`, and what each of them shows there."""
        before, after = (
            self.walk.lead(*source.at(abs(alpha - side)), alpha, side)
            for side, source in enumerate(self._sources)
        )
        return before, after

    @property
    def intensity_range(self) -> float:
        """From the least to the greatest intensity of both faces, without the outermost 0.1 %."""
        seen = np.concatenate([plane[::4, ::4].ravel() for plane in self._raw]).astype(np.float64)
        seen = seen[np.isfinite(seen)]
        return float(np.subtract(*np.percentile(seen, [99.9, 0.1]))) if seen.size else 0.0

    def _plane(self, alpha: float) -> NDArray[Any]:
        if alpha in (0.0, 1.0):
            return self._raw[int(alpha)]
        moved = self.sides(alpha)
        warped = [values for values, _ in moved]
        weights: list[NDArray[Any]] = [covered for _, covered in moved]
        if self._feathers is not None:
            motions = [self.walk.motion(alpha, side) for side in (0, 1)]
            weights = [
                w * warp(soft, motion.onto_coarser(self.factor), self.shape)
                for w, soft, motion in zip(weights, self._feathers, motions, strict=True)
            ]
        faded = cross_fade(alpha, (warped[0], warped[1]), (weights[0], weights[1]), self._background)
        return to_dtype(faded, self.dtype)


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
