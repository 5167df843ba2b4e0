"""Planes made ready for registration and likeness: variance-stabilised, reduced, with tissue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from soct_core.affine import Affine2D
from soct_core.arrays import Mask, Plane
from soct_core.planes.measured import blanked, measured, measured_mean
from soct_core.planes.stripes import without_stripes
from soct_core.planes.tissue import otsu_threshold, tissue_mask
from soct_core.planes.warp import warp

WORKING_PX = 250
"""Pixels along the shorter side of the working grid. Measured on real planes of about 1000 px: registration
is as exact as on all pixels and nearly four times faster. Gaps get the same verdicts on planes of 271 to
2168 px."""
LIKENESS_SMOOTHING_PX = 2.5
"""Sigma, in pixels of the working grid. Speckle hides the likeness of neighbours; at this scale unrelated
planes still look unlike. Measured: over tissue, planes 1.5 mm apart reach an NCC of 0.3 to 0.7, neighbours
0.67 to 0.98."""
COARSE_SMOOTHING = 0.02
"""Sigma before registration, as a share of the shorter side: drift must not hide likeness, and 3 degrees move
the rim by 0.026 of the side."""
_OUTLIER_PERCENTILE = 99.8
"""Chosen by hand."""
_DARK_PERCENTILE = 10
"""Chosen by hand."""
DARK_FROM, DARK_TO = 0.4, 0.3
"""Of the median of tissue, square roots all: what is darker than the first fades to 0, which it reaches at
the second. How dark a background is says nothing of likeness: one at 0 and one at 2 % of the brightest tissue
become the same."""
_DARK_ROUNDS = 2
"""How often the median of tissue is taken anew, above the floor that it led to. Chosen by hand."""
MASKED_RIM = 0.5
"""Share of data in the outermost lines inside the padding, below which a mask ends there and not the image.
A round brain touches them in a few pixels, agarose fills them."""
LEAST_SHARE = 0.5
"""Of the pixels beneath one of the working grid that must have been measured."""
Aspect = tuple[float, float]
"""How many square pixels lie along one pixel of the slice, (x, y): square pixels are as long as the shorter
side of a pixel, so one of the two is 1."""
SQUARE: Aspect = (1.0, 1.0)
_NEARLY_SQUARE = 1e-3
"""A side longer by no more counts as equal: a turn by 10 degrees then misses by 0.02 px in 100."""


@dataclass(frozen=True, eq=False)
class RegistrationPlane:
    """A plane on the working grid, `factor` times coarser than the pixels of the slice."""

    image: Plane
    """(y, x), square root of the intensities; a dark shade where nothing was measured."""
    factor: int
    measured: Mask | None = None
    """(y, x); None means everywhere."""
    aspect: Aspect = SQUARE
    """Of the pixels of the slice; those of the working grid are square."""

    @cached_property
    def tissue(self) -> Mask:
        """Pixels of tissue on the working grid."""
        return tissue_mask(self.image, self.measured)

    @cached_property
    def smooth(self) -> Plane:
        """The image smoothed for likeness after registration."""
        return ndimage.gaussian_filter(self.image, LIKENESS_SMOOTHING_PX, mode="nearest")

    @cached_property
    def coarse(self) -> Plane:
        """The image smoothed more, for likeness before registration."""
        sigma = max(LIKENESS_SMOOTHING_PX, COARSE_SMOOTHING * min(self.shape))
        return ndimage.gaussian_filter(self.image, sigma, mode="nearest")

    @property
    def tissue_fraction(self) -> float:
        return float(self.tissue.mean())

    @property
    def shape(self) -> tuple[int, int]:
        return self.image.shape[0], self.image.shape[1]

    def mirrored(self, axes: tuple[int, ...]) -> RegistrationPlane:
        """The mirror image along some axes, 0 for y and 1 for x."""
        flipped = None if self.measured is None else np.flip(self.measured, axes)
        image = np.ascontiguousarray(np.flip(self.image, axes))
        return RegistrationPlane(image, self.factor, flipped, self.aspect)

    def on_grid(self, motion: Affine2D) -> Affine2D:
        """A motion in pixels of the slice, in pixels of the working grid."""
        x, y = self.aspect
        return motion.scaled(x / self.factor, y / self.factor)

    def in_slice(self, motion: Affine2D) -> Affine2D:
        """A motion in pixels of the working grid, in pixels of the slice."""
        x, y = self.aspect
        return motion.scaled(self.factor / x, self.factor / y)


def pixel_aspect(voxel_size_um: Sequence[float] | None) -> Aspect:
    """The aspect of pixels, from the size of a voxel along (z, y, x); square where it is not known."""
    if voxel_size_um is None:
        return SQUARE
    y, x = voxel_size_um[-2:]
    short = min(y, x)
    return SQUARE if max(y, x) <= (1 + _NEARLY_SQUARE) * short else (x / short, y / short)


def working_factor(shape: tuple[int, ...]) -> int:
    """How many pixels make one of the working grid: about 250 are left along the shorter side."""
    return max(1, round(min(shape[-2:]) / WORKING_PX))


def registration_plane(
    planes: NDArray[Any],
    factor: int | None = None,
    where: Mask | None = None,
    aspect: Aspect = SQUARE,
) -> RegistrationPlane:
    """Make a plane ready from one plane (y, x) or the mean of several (k, y, x).

    Parameters
    ----------
    planes
        Any real dtype.
    factor
        Pixels along the side of one of the working grid; by default that of `working_factor`.
    where
        Which voxels were measured, of the shape of `planes`; by default all that are finite.
    aspect
        Of the pixels: the working grid has square ones, so that what is rigid on it is rigid in µm.
    """
    return reduced(planes, factor, where, aspect).plane()


@dataclass(frozen=True, eq=False)
class ReducedPlanes:
    """Some planes of a slice, (k, y, x), reduced to the working grid; intensities as imaged."""

    values: NDArray[np.float32]
    factor: int
    measured: Mask | None = None
    aspect: Aspect = SQUARE
    _made: dict[tuple[int, int | None], RegistrationPlane] = field(default_factory=dict, init=False)

    def __len__(self) -> int:
        return len(self.values)

    def plane(self, first: int = 0, last: int | None = None) -> RegistrationPlane:
        """The mean of the planes from `first` to `last`, inclusive, made ready for registration.

        The square root evens out the variance of speckle, whose standard deviation grows with the
        signal. What was not measured holds a dark shade; the brightest 0.2 % are clipped, and what is much
        darker than tissue fades to 0.
        """
        if (first, last) not in self._made:
            # Gates, likeness and slabs ask for the same means again.
            self._made[first, last] = self._mean(first, last)
        return self._made[first, last]

    def intensity(self, first: int = 0, last: int | None = None) -> NDArray[np.float64]:
        """Mean intensity of the planes from `first` to `last`, inclusive; NaN where none was measured."""
        chosen = slice(first, None if last is None else last + 1)
        return measured_mean(self.values[chosen], None if self.measured is None else self.measured[chosen])

    def means(self, tissue: Mask) -> NDArray[np.float64]:
        """Mean intensity of each plane over tissue, (y, x); 0 where nothing of it was measured."""
        found = np.zeros(len(self))
        for index in range(len(self)):
            shown = self.intensity(index, index)[tissue]
            shown = shown[np.isfinite(shown)]
            found[index] = shown.mean() if shown.size else 0.0
        return found

    def _mean(self, first: int, last: int | None) -> RegistrationPlane:
        mean = self.intensity(first, last)
        known = measured(mean)
        clean = blanked(mean, known)
        stable = np.sqrt(clean - min(0.0, float(clean.min()))).astype(np.float32)
        inside = stable if known is None else stable[known]
        stable = _without_background(stable, _tissue_shade(inside))
        if known is not None:
            dark = np.percentile(stable[known], _DARK_PERCENTILE) if inside.size else 0.0
            stable = np.where(known, stable, np.float32(dark))
        stable = np.minimum(stable, np.percentile(stable, _OUTLIER_PERCENTILE))
        return RegistrationPlane(
            np.ascontiguousarray(stable, dtype=np.float32), self.factor, known, self.aspect
        )

    def without_stripes(self) -> ReducedPlanes:
        """The same planes without stripes that lie through all of them."""
        values = without_stripes(self.values, self.measured)
        return ReducedPlanes(values, self.factor, self.measured, self.aspect)


def reduced(
    planes: NDArray[Any],
    factor: int | None = None,
    where: Mask | None = None,
    aspect: Aspect = SQUARE,
) -> ReducedPlanes:
    """Reduce planes to the working grid; see `registration_plane`."""
    stack = planes[None] if planes.ndim == 2 else planes
    held = where[None] if where is not None and where.ndim == 2 else where
    factor = working_factor(_square_shape(stack.shape, aspect)) if factor is None else factor
    with np.errstate(over="ignore"):
        values = stack.astype(np.float32, copy=False)
    known = _with_background(values, measured(values, held))
    values = blanked(values, known)
    small = np.stack([block_mean(_squared(plane, aspect), factor) for plane in values])
    if known is None:
        return ReducedPlanes(small, factor, None, aspect)
    share = np.stack([block_mean(_squared(plane.astype(np.float32), aspect), factor) for plane in known])
    np.divide(small, share, out=small, where=share > 0)
    return ReducedPlanes(small, factor, share > LEAST_SHARE, aspect)


def _square_shape(shape: tuple[int, ...], aspect: Aspect) -> tuple[int, int]:
    x, y = aspect
    return round(shape[-2] * y), round(shape[-1] * x)


def _squared(plane: Plane, aspect: Aspect) -> Plane:
    """The plane with square pixels, by linear interpolation along the longer side of its own."""
    if aspect == SQUARE:
        return plane
    shape = _square_shape(plane.shape, aspect)
    # From a pixel of the square grid to the place in the plane that it shows.
    place = Affine2D.of(np.diag(1 / np.array(aspect)), (1 / np.array(aspect) - 1) / 2)
    return np.asarray(warp(plane, place, shape), np.float32)


def _tissue_shade(values: NDArray[np.float32]) -> float:
    """The median of tissue, however dark the background; 0 where there is nothing."""
    shade = 0.0
    for _ in range(_DARK_ROUNDS):
        clean = _without_background(values, shade)
        bright = values[clean > otsu_threshold(clean)] if values.size else values
        shade = float(np.median(bright)) if bright.size else 0.0
    return shade


def _without_background(values: NDArray[np.float32], tissue: float) -> NDArray[np.float32]:
    if tissue <= 0:
        return values
    share = (values / np.float32(tissue) - DARK_TO) / (DARK_FROM - DARK_TO)
    return np.asarray(values * np.clip(share, 0, 1), np.float32)


def _with_background(planes: NDArray[np.float32], where: Mask | None) -> Mask | None:
    """What was measured, and the zeros around a masked brain: they go on from those within the box.

    Padding of an image begins with an edge instead: agarose or tissue fills the lines next to it.
    """
    if where is None or not where.any():
        return where
    inside = np.asarray(where.any(axis=0))
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    box = (..., slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    held, within = planes[box], inside[box]
    rim = [
        held[line][..., within[line[1:]]]
        for line, is_padded in (
            (np.s_[:, 0], rows[0] > 0),
            (np.s_[:, -1], rows[-1] + 1 < inside.shape[0]),
            (np.s_[:, :, 0], columns[0] > 0),
            (np.s_[:, :, -1], columns[-1] + 1 < inside.shape[1]),
        )
        if is_padded
    ]
    if not rim or np.mean(np.concatenate(rim, axis=1) != 0) > MASKED_RIM:
        return where
    beside = np.ones(inside.shape, dtype=bool)
    beside[box] = False
    return where | beside


def block_mean(plane: Plane, factor: int) -> Plane:
    """Mean over squares of `factor` pixels; an incomplete edge is dropped."""
    if factor == 1:
        return plane
    height, width = (n // factor for n in plane.shape)
    inside = np.ascontiguousarray(plane[: height * factor, : width * factor])
    # Over whole pixels the area filter of OpenCV is the mean, ten times faster than numpy's.
    return np.asarray(cv2.resize(inside, (width, height), interpolation=cv2.INTER_AREA), np.float32)
