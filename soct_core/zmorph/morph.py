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
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.settings import InterpolationSettings
from schemas.stack_plan import Block
from soct_core.affine import Affine2D, shift_by
from soct_core.arrays import Mask
from soct_core.planes.dtypes import to_dtype
from soct_core.planes.warp import Box, box_around, corners, warp
from soct_core.registration.reduced_reading import read_plane
from soct_core.registration.working_plane import RegistrationPlane
from soct_core.volume.block_levels import slices, windows
from soct_core.zmorph.brightness import UNKNOWN as UNKNOWN_BRIGHTNESS
from soct_core.zmorph.brightness import Brightness
from soct_core.zmorph.cross_fade import Weight, cross_fade, feather
from soct_core.zmorph.displacement import Displacement
from soct_core.zmorph.sides import Side
from soct_core.zmorph.walk import Walk

Led = tuple[NDArray[Any], Mask | None]
"""A box of a plane, floating, and where it shows something; None: everywhere."""
Place = tuple[int, int]
_SAMPLE_STEP = 4
_BAND_ROWS = 512


@dataclass(frozen=True, eq=False)
class Refined:
    """What is added to the affine of the two faces."""

    displacement: Displacement | None = None
    planes: int = 1
    """Planes that each source is the mean of."""
    noise: float = 0.0
    """Standard deviation of the noise of one plane, in intensity."""
    held_out_error: float | None = None
    """Error of planes that were held out, as a share of what their neighbours differ by; None: not known."""
    brightness: Brightness = UNKNOWN_BRIGHTNESS
    """Of the tissue on both sides."""

    @property
    def source_noise(self) -> float:
        """Standard deviation of the noise that is left in a source."""
        return self.noise / float(np.sqrt(self.planes))


PLAIN = Refined()


class Morph:
    """A gap that passed all gates: yields the voxels of the missing slice, box by box.

    `residual_top`, `residual_bottom` and `max_imaginary` describe the voxels that were made so far. A box has
    the same bits however many others are made: what is warped at once are windows that lie fast.
    """

    def __init__(
        self,
        before: Side,
        after: Side,
        motion: Affine2D,
        settings: InterpolationSettings,
        refined: Refined = PLAIN,
    ) -> None:
        self.dtype = before.dtype
        self.shape = before.shape
        self.refined = refined
        self.sampling = settings.alpha_sampling
        self._sides = before, after
        ready = tuple(read_plane(side.volume, side.edge) for side in self._sides)
        self.walk = Walk(motion, refined.displacement, self.shape)
        self._background = _background(self._sides, ready)
        self.factor = ready[0].factor
        self._feathers = (
            tuple(feather(plane.tissue, plane.factor) for plane in ready)
            if settings.blend_method == "gaussian"
            else None
        )
        self._missed: tuple[dict[Place, float], dict[Place, float]] = ({}, {})

    @classmethod
    def of_planes(
        cls,
        before: NDArray[Any],
        after: NDArray[Any],
        motion: Affine2D,
        settings: InterpolationSettings,
        where: tuple[Mask | None, Mask | None] = (None, None),
        refined: Refined = PLAIN,
    ) -> Morph:
        """The morph of two planes in memory, (y, x); `where` is what was measured of each, None: all."""
        sides = Side.of_plane(before, where[0]), Side.of_plane(after, where[1])
        return cls(*sides, motion, settings, refined)

    @property
    def max_imaginary(self) -> float:
        """Largest imaginary part that was dropped from a power of the affine."""
        return self.walk.max_imaginary

    @property
    def residual_top(self) -> float | None:
        """Mean difference of the first plane made and the plane before the gap; None: none was made."""
        return self._residual(0)

    @property
    def residual_bottom(self) -> float | None:
        """The same of the last plane and the plane after the gap."""
        return self._residual(1)

    def planes(self, nz_out: int) -> Iterator[NDArray[Any]]:
        """Planes (y, x) of the inputs' dtype, shallowest first."""
        for z in range(nz_out):
            plane = np.empty(self.shape, self.dtype)
            for window in windows(Block(first=(z, 0, 0), end=(z + 1, *self.shape))):
                plane[slices(window)[1:]] = self.voxels(nz_out, window)[0]
            yield plane

    def voxels(self, nz_out: int, box: Block) -> NDArray[Any]:
        """A window of some planes of a slice of `nz_out` planes, (z, y, x), of the inputs' dtype."""
        planes, rows, columns = slices(box)
        made = np.empty(box.shape, self.dtype)
        steps = alphas(nz_out, self.sampling)
        for index in range(planes.start, planes.stop):
            alpha, place = float(steps[index]), (rows, columns)
            plane = self._window(alpha, place)
            made[index - planes.start] = plane
            for side, last in enumerate((0, nz_out - 1)):
                if index == last:
                    missed = 0.0 if alpha == side else _difference(plane, self._sides[side].raw(place))
                    self._missed[side][rows.start, columns.start] = missed
        return made

    def sides(self, alpha: float, box: Box) -> tuple[Led, Led]:
        """Before and after, led to a box of the plane at `alpha`, and what each shows there; None: all."""
        before, after = (
            self.walk.lead(partial(one.source, abs(alpha - side)), alpha, side, box)
            for side, one in enumerate(self._sides)
        )
        return before, after

    @property
    def intensity_range(self) -> float:
        """From the least to the greatest intensity of both faces, without the outermost 0.1 %."""
        step = max(_SAMPLE_STEP, self.factor)
        seen = np.concatenate([_sampled(side, 0, step).ravel() for side in self._sides]).astype(np.float64)
        seen = seen[np.isfinite(seen)]
        return float(np.subtract(*np.percentile(seen, [99.9, 0.1]))) if seen.size else 0.0

    def _window(self, alpha: float, box: Box) -> NDArray[Any]:
        if alpha in (0.0, 1.0):
            return self._sides[int(alpha)].raw(box)
        (before, sees_before), (after, sees_after) = self.sides(alpha, box)
        weights = self._weight(sees_before, alpha, 0, box), self._weight(sees_after, alpha, 1, box)
        return to_dtype(cross_fade(alpha, (before, after), weights, self._background), self.dtype)

    def _weight(self, covered: Mask | None, alpha: float, side: int, box: Box) -> Weight:
        """Of one side in a box, before the share that its distance gives it."""
        if self._feathers is None:
            return 1.0 if covered is None else covered
        soft, (rows, columns) = self._feathers[side], box
        shape = rows.stop - rows.start, columns.stop - columns.start
        motion = self.walk.onto_coarser(alpha - side, self.factor).compose(
            shift_by(columns.start, rows.start)
        )
        beneath = soft[box_around(tuple(motion.apply(corners(shape)).T), (soft.shape[0], soft.shape[1]))]
        least = float(beneath.min())
        if least == float(beneath.max()):
            # Amid tissue, and far from it.
            return least if covered is None else covered * np.float32(least)
        weight: NDArray[Any] = warp(soft, motion, shape)
        return weight if covered is None else np.multiply(weight, covered, out=weight)

    def _residual(self, side: int) -> float | None:
        missed = self._missed[side]
        return sum(missed.values()) / (self.shape[0] * self.shape[1]) if missed else None


def alphas(nz_out: int, sampling: str) -> NDArray[np.float64]:
    """Fractional depths of the output planes: 0 is the boundary of before, 1 that of after."""
    if nz_out < 1:
        raise ValueError(f"output_z is {nz_out}, wanted 1 at least")
    if sampling == "interior":
        return (np.arange(nz_out) + 1.0) / (nz_out + 1)
    return np.array([0.5]) if nz_out == 1 else np.arange(nz_out) / (nz_out - 1)


def _background(sides: tuple[Side, Side], ready: tuple[RegistrationPlane, ...]) -> float:
    """What a pixel without data holds: the median of all that is not tissue; zeros beside padding."""
    if not all(map(_fills_frame, sides)):
        return 0.0
    outside = []
    for side, reduced in zip(sides, ready, strict=True):
        step, (height, width) = reduced.factor, reduced.shape
        outside.append(_sampled(side, step // 2, step)[:height, :width][~reduced.tissue])
    values = np.concatenate(outside)
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else 0.0


def _fills_frame(side: Side) -> bool:
    """Whether each corner of a face was measured."""
    height, width = side.shape
    corner = ((slice(y, y + 1), slice(x, x + 1)) for y in (0, height - 1) for x in (0, width - 1))
    return all(side.measured(box) is None for box in corner)


def _sampled(side: Side, first: int, step: int) -> NDArray[Any]:
    """Every `step`-th pixel of a face, along both axes, read band by band."""
    height, width = side.shape
    rows = step * max(1, _BAND_ROWS // step)
    bands = [
        # A copy: a view would hold the whole band.
        side.raw((slice(y, min(y + rows, height)), slice(0, width)))[first::step, first::step].copy()
        for y in range(0, height, rows)
    ]
    return np.concatenate(bands)


def _difference(a: NDArray[Any], b: NDArray[Any]) -> float:
    difference = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return float(np.nan_to_num(difference, nan=0.0, posinf=0.0).sum())
