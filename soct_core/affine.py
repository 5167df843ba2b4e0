"""Affine motions of a plane: composition, inverse and fractional powers.

Coordinates are pixels in x-y order, as ITK writes them: `T(x) = A (x - c) + c + t`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm, logm

from soct_core.errors import RegistrationError

Floats = NDArray[np.float64]
MAX_IMAGINARY = 1e-6


@dataclass(frozen=True)
class AffineParts:
    """`A = rotation * shear * scale`: what a cut can do to tissue, taken apart."""

    rotation_deg: float
    scale_x: float
    scale_y: float
    shear: float


@dataclass(frozen=True)
class Affine2D:
    """An affine motion about a centre; immutable."""

    matrix: tuple[tuple[float, float], tuple[float, float]]
    translation: tuple[float, float]
    center: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def identity(cls, center: tuple[float, float] = (0.0, 0.0)) -> Self:
        """The motion that moves nothing."""
        return cls(((1.0, 0.0), (0.0, 1.0)), (0.0, 0.0), center)

    @classmethod
    def of(cls, matrix: ArrayLike, translation: ArrayLike, center: ArrayLike = (0.0, 0.0)) -> Self:
        """Build from anything array-like: (2, 2), (2,), (2,), x-y order, pixels."""
        a = np.asarray(matrix, dtype=float).reshape(2, 2)
        t = np.asarray(translation, dtype=float).reshape(2)
        c = np.asarray(center, dtype=float).reshape(2)
        return cls(
            ((float(a[0, 0]), float(a[0, 1])), (float(a[1, 0]), float(a[1, 1]))),
            (float(t[0]), float(t[1])),
            (float(c[0]), float(c[1])),
        )

    @classmethod
    def rigid(
        cls, rotation_deg: float, translation: Sequence[float], center: Sequence[float] = (0.0, 0.0)
    ) -> Self:
        """Rotation by degrees (x towards y) about `center`, then translation."""
        angle = np.deg2rad(rotation_deg)
        cos, sin = np.cos(angle), np.sin(angle)
        return cls.of([[cos, -sin], [sin, cos]], translation, center)

    @property
    def determinant(self) -> float:
        """Change of area; at most 0 for reflections and degenerate motions."""
        (a, b), (c, d) = self.matrix
        return a * d - b * c

    @property
    def rotation_deg(self) -> float:
        """Rotation of the x axis, in degrees."""
        return self.parts().rotation_deg

    def parts(self) -> AffineParts:
        """Rotation, scales and shear by QR decomposition of the matrix."""
        (a, b), (c, d) = self.matrix
        scale_x = float(np.hypot(a, c))
        if scale_x == 0:
            return AffineParts(0.0, 0.0, 0.0, float("inf"))
        return AffineParts(
            rotation_deg=float(np.rad2deg(np.arctan2(c, a))),
            scale_x=scale_x,
            scale_y=self.determinant / scale_x,
            shear=(a * b + c * d) / self.determinant if self.determinant else float("inf"),
        )

    def is_finite(self) -> bool:
        """Whether every number in it is finite."""
        return bool(np.isfinite(_homogeneous(self)).all())

    def apply(self, points: ArrayLike) -> Floats:
        """Move points, shape (..., 2), x-y order."""
        p = np.asarray(points, dtype=float)
        center = np.array(self.center)
        moved: Floats = (p - center) @ np.array(self.matrix).T + center + np.array(self.translation)
        return moved

    def about(self, center: tuple[float, float]) -> Affine2D:
        """The same motion, written about another centre."""
        old, new = np.array(self.center), np.array(center)
        matrix = np.array(self.matrix)
        return Affine2D.of(matrix, matrix @ (new - old) + old + np.array(self.translation) - new, new)

    def compose(self, other: Affine2D) -> Affine2D:
        """This motion after `other`: `x -> self(other(x))`, about this centre."""
        first = _homogeneous(other.about(self.center))
        return self._from_homogeneous(_homogeneous(self) @ first)

    def inverse(self) -> Affine2D:
        """The motion that undoes this one.

        Raises
        ------
        RegistrationError
            If the motion is degenerate.
        """
        if self.determinant == 0:
            raise RegistrationError("a degenerate affine has no inverse")
        return self._from_homogeneous(np.asarray(np.linalg.inv(_homogeneous(self)), dtype=np.float64))

    def power(self, exponent: float) -> Affine2D:
        """`T**a = exp(a log T)`, the one-parameter subgroup through this motion.

        `T**0` is the identity and `T**1` is T, both exactly; `T**a T**b = T**(a+b)`.

        Raises
        ------
        RegistrationError
            If the power is not real: T reflects, or turns by 180 degrees.
        """
        return self.power_and_imaginary(exponent)[0]

    def power_and_imaginary(self, exponent: float) -> tuple[Affine2D, float]:
        """The power, and the largest imaginary part that was dropped from it."""
        if exponent == 1:
            return self, 0.0
        if exponent == 0:
            return Affine2D.identity(self.center), 0.0
        if self.determinant == 0:
            raise RegistrationError(f"a degenerate affine has no power {exponent}")
        raised: NDArray[Any] = np.asarray(expm(exponent * _logarithm(self)))
        imaginary = float(np.abs(raised.imag).max()) if np.iscomplexobj(raised) else 0.0
        if not np.isfinite(raised).all() or imaginary > MAX_IMAGINARY:
            raise RegistrationError(
                f"the affine has no real power {exponent} (imaginary part {imaginary:.2g})"
            )
        return self._from_homogeneous(raised.real), imaginary

    def scaled(self, factor: float) -> Affine2D:
        """The same motion on a grid `factor` times finer.

        Pixel centres of the coarse grid lie at `factor * x + (factor - 1) / 2` of the fine one.
        """
        center = np.array(self.center) * factor + (factor - 1) / 2
        return Affine2D.of(self.matrix, np.array(self.translation) * factor, center)

    def onto_coarser(self, factor: int) -> Affine2D:
        """Where the motion leads in a grid `factor` times coarser, from pixels of the fine one."""
        shrink = Affine2D.of(np.eye(2) / factor, np.full(2, (1 - factor) / (2 * factor)))
        return shrink.compose(self)

    def yx(self) -> tuple[Floats, Floats]:
        """Matrix and offset in (y, x) order, as `scipy.ndimage.affine_transform` takes them."""
        about_origin = self.about((0.0, 0.0))
        return np.array(about_origin.matrix)[::-1, ::-1], np.array(about_origin.translation)[::-1]

    def _from_homogeneous(self, homogeneous: Floats) -> Affine2D:
        return Affine2D.of(homogeneous[:2, :2], homogeneous[:2, 2], self.center)


def _homogeneous(motion: Affine2D) -> Floats:
    """The (3, 3) matrix of a motion, with its centre as the origin."""
    homogeneous = np.eye(3)
    homogeneous[:2, :2] = motion.matrix
    homogeneous[:2, 2] = motion.translation
    return homogeneous


@lru_cache(maxsize=64)
def _logarithm(motion: Affine2D) -> NDArray[Any]:
    """Of the homogeneous matrix; complex where it has no real one. One serves all planes of a gap."""
    return np.asarray(logm(_homogeneous(motion)))


def shift_by(x: float, y: float) -> Affine2D:
    """A pure translation, in pixels."""
    return Affine2D(((1.0, 0.0), (0.0, 1.0)), (float(x), float(y)))


def plane_center(shape: tuple[int, int]) -> tuple[float, float]:
    """Centre of a plane of shape (y, x), in pixels, x-y order."""
    return (shape[1] - 1) / 2, (shape[0] - 1) / 2
