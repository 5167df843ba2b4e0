"""Affine motions of a plane: composition, inverse and fractional powers.

Coordinates are pixels in x-y order, as ITK writes them: `T(x) = A (x - c) + c + t`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from soct_core.errors import RegistrationError
from soct_core.fractional_powers import fractional_power

Floats = NDArray[np.float64]
Freedom = Literal["affine", "rigid"]
"""What a motion may do to a plane; rigid: turn and shift."""


@dataclass(frozen=True)
class AffineParts:
    """`A = rotation * shear * scale`: what a cut can do to tissue, taken apart."""

    rotation_deg: float
    """From x towards y, in degrees."""
    scale_x: float
    """Stretch along x; 1 where there is none."""
    scale_y: float
    """Stretch along y; below 0 where the motion mirrors."""
    shear: float
    """Tangent of the shear angle."""


@dataclass(frozen=True)
class Affine2D:
    """An affine motion of a plane about a centre, `T(x) = A (x - c) + c + t`; immutable.

    Points are (x, y) in pixels, as in ITK; the centre of the first pixel of a plane is (0, 0).

    Parameters
    ----------
    matrix : ((float, float), (float, float))
        A, row by row, x-y order.
    translation : (float, float)
        t, (x, y) in pixels.
    center : (float, float)
        c, (x, y) in pixels.

    Examples
    --------
    >>> turn = Affine2D.rigid(90, translation=(2, 0), center=(5, 5))
    >>> turn.apply([6, 5]).round(9).tolist()
    [7.0, 6.0]
    >>> turn.compose(turn.inverse()).apply([6, 5]).round(9).tolist()
    [6.0, 5.0]
    """

    matrix: tuple[tuple[float, float], tuple[float, float]]
    translation: tuple[float, float]
    center: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def identity(cls, center: tuple[float, float] = (0.0, 0.0)) -> Self:
        """The motion that moves nothing.

        Parameters
        ----------
        center : (float, float)
            (x, y) in pixels.

        Returns
        -------
        Affine2D

        Examples
        --------
        >>> Affine2D.identity() == Affine2D(((1.0, 0.0), (0.0, 1.0)), (0.0, 0.0))
        True
        """
        return cls(((1.0, 0.0), (0.0, 1.0)), (0.0, 0.0), center)

    @classmethod
    def of(cls, matrix: ArrayLike, translation: ArrayLike, center: ArrayLike = (0.0, 0.0)) -> Self:
        """Build a motion from anything array-like.

        Parameters
        ----------
        matrix : array-like, (2, 2) or (4,)
            x-y order, row by row.
        translation, center : array-like, (2,)
            (x, y) in pixels.

        Returns
        -------
        Affine2D

        Raises
        ------
        ValueError
            If an array has another size.

        Examples
        --------
        >>> Affine2D.of(np.diag([2, 1]), [3, 0]).apply([1, 1]).tolist()
        [5.0, 1.0]
        """
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
        """Rotation about a centre, then translation.

        Parameters
        ----------
        rotation_deg : float
            From x towards y, in degrees: clockwise on a screen whose y axis points down.
        translation, center : (float, float)
            (x, y) in pixels.

        Returns
        -------
        Affine2D

        Examples
        --------
        >>> Affine2D.rigid(90, translation=(0, 0)).apply([1, 0]).round(9).tolist()
        [0.0, 1.0]
        """
        angle = np.deg2rad(rotation_deg)
        cos, sin = np.cos(angle), np.sin(angle)
        return cls.of([[cos, -sin], [sin, cos]], translation, center)

    @property
    def determinant(self) -> float:
        """Change of area; below 0 for a motion that mirrors, 0 for one that flattens.

        Examples
        --------
        >>> Affine2D.of([[2, 0], [0, -1]], [0, 0]).determinant
        -2.0
        """
        (a, b), (c, d) = self.matrix
        return a * d - b * c

    @property
    def rotation_deg(self) -> float:
        """Rotation of the x axis towards y, in degrees.

        Examples
        --------
        >>> round(Affine2D.rigid(3, (1, 2)).rotation_deg, 9)
        3.0
        """
        return self.parts().rotation_deg

    def parts(self) -> AffineParts:
        """Rotation, scales and shear by QR decomposition of the matrix.

        Returns
        -------
        AffineParts
            The shear of a degenerate motion is infinite.

        Examples
        --------
        >>> parts = Affine2D.of([[1, 0.1], [0, 1.2]], [0, 0]).parts()
        >>> parts.scale_x, parts.scale_y, round(parts.shear, 3)
        (1.0, 1.2, 0.083)
        """
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
        """Whether every number of matrix and translation is finite.

        Returns
        -------
        bool

        Examples
        --------
        >>> Affine2D.of(np.eye(2), [np.nan, 0]).is_finite()
        False
        """
        return bool(np.isfinite(_homogeneous(self)).all())

    def apply(self, points: ArrayLike) -> Floats:
        """Move points.

        Parameters
        ----------
        points : array-like, (..., 2)
            (x, y) in pixels.

        Returns
        -------
        ndarray of float64, (..., 2)

        Examples
        --------
        >>> shift_by(10, -1).apply([[0, 0], [2, 3]]).tolist()
        [[10.0, -1.0], [12.0, 2.0]]
        """
        p = np.asarray(points, dtype=float)
        center = np.array(self.center)
        moved: Floats = (p - center) @ np.array(self.matrix).T + center + np.array(self.translation)
        return moved

    def about(self, center: tuple[float, float]) -> Affine2D:
        """The same motion, written about another centre.

        Parameters
        ----------
        center : (float, float)
            (x, y) in pixels.

        Returns
        -------
        Affine2D
            Moves every point as this motion does; its translation differs where this motion is no pure shift.

        Examples
        --------
        >>> about_corner = Affine2D.rigid(90, translation=(0, 0), center=(5, 5)).about((0, 0))
        >>> np.round(about_corner.translation, 9).tolist()
        [10.0, 0.0]
        """
        old, new = np.array(self.center), np.array(center)
        matrix = np.array(self.matrix)
        return Affine2D.of(matrix, matrix @ (new - old) + old + np.array(self.translation) - new, new)

    def compose(self, other: Affine2D) -> Affine2D:
        """This motion after another: `x -> self(other(x))`.

        Parameters
        ----------
        other : Affine2D
            The motion that comes first; its centre may differ.

        Returns
        -------
        Affine2D
            About the centre of this motion.

        Examples
        --------
        >>> stretch = Affine2D.of([[2, 0], [0, 2]], [0, 0])
        >>> stretch.compose(shift_by(1, 0)).apply([0, 0]).tolist()
        [2.0, 0.0]
        >>> shift_by(1, 0).compose(stretch).apply([0, 0]).tolist()
        [1.0, 0.0]
        """
        first = _homogeneous(other.about(self.center))
        return self._from_homogeneous(_homogeneous(self) @ first)

    def inverse(self) -> Affine2D:
        """The motion that undoes this one.

        Returns
        -------
        Affine2D
            About the same centre.

        Raises
        ------
        RegistrationError
            If the determinant is 0.

        Examples
        --------
        >>> shift_by(3, -1).inverse().translation
        (-3.0, 1.0)
        """
        if self.determinant == 0:
            raise RegistrationError("a degenerate affine has no inverse")
        return self._from_homogeneous(np.asarray(np.linalg.inv(_homogeneous(self)), dtype=np.float64))

    def power(self, exponent: float) -> Affine2D:
        """A fraction of this motion: `T**a = exp(a log T)`, the one-parameter subgroup through T [1]_.

        `T**0` is the identity and `T**1` is T, both exactly; `T**a T**b = T**(a+b)`.

        Parameters
        ----------
        exponent : float
            a, any real number; 0.5 is half of the way, -1 the inverse.

        Returns
        -------
        Affine2D
            About the same centre.

        Raises
        ------
        RegistrationError
            If the power is not real: T mirrors, flattens, or turns by 180 degrees.

        References
        ----------
        .. [1] Arsigny V, Commowick O, Ayache N, Pennec X (2009). A fast and log-Euclidean polyaffine
           framework for locally linear registration. J. Math. Imaging Vis. 33(2), 222-238.
           doi:10.1007/s10851-008-0135-9

        Examples
        --------
        >>> turn = Affine2D.rigid(10, translation=(4, 0), center=(50, 50))
        >>> half = turn.power(0.5)
        >>> round(half.rotation_deg, 9)
        5.0
        >>> bool(np.allclose(half.compose(half).apply([7, 9]), turn.apply([7, 9])))
        True
        """
        return self.power_and_imaginary(exponent)[0]

    def power_and_imaginary(self, exponent: float) -> tuple[Affine2D, float]:
        """As `power`, and the largest imaginary part that was dropped from the result.

        Parameters
        ----------
        exponent : float
            As of `power`.

        Returns
        -------
        motion : Affine2D
        imaginary : float
            Rounding, 1e-6 at most.

        Raises
        ------
        RegistrationError
            As `power`.

        Examples
        --------
        >>> shift_by(4, 0).power_and_imaginary(0.5)[1]
        0.0
        """
        if exponent == 1:
            return self, 0.0
        if exponent == 0:
            return Affine2D.identity(self.center), 0.0
        matrix, imaginary = fractional_power(_homogeneous(self), exponent)
        return self._from_homogeneous(matrix), imaginary

    def scaled(self, factor: float, factor_y: float | None = None) -> Affine2D:
        """The same motion in pixels of a finer grid.

        Pixel centres of the coarse grid lie at `factor * x + (factor - 1) / 2` of the fine one.

        Parameters
        ----------
        factor : float
            How many pixels of the new grid lie along one of the old; below 1 the new grid is coarser.
        factor_y : float, optional
            The same along y, where it is another than along x.

        Returns
        -------
        Affine2D
            Both its points and its results are on the new grid.

        Examples
        --------
        >>> shift_by(1, 2).scaled(4).translation
        (4.0, 8.0)
        >>> shift_by(1, 2).scaled(4, 1).translation
        (4.0, 2.0)
        """
        factors = np.array((factor, factor if factor_y is None else factor_y), dtype=float)
        center = np.array(self.center) * factors + (factors - 1) / 2
        square = factor_y is None or factor_y == factor
        matrix = np.array(self.matrix) if square else np.array(self.matrix) * np.outer(factors, 1 / factors)
        return Affine2D.of(matrix, np.array(self.translation) * factors, center)

    def onto_coarser(self, factor: int) -> Affine2D:
        """The motion from pixels of this grid to pixels of a coarser one.

        Parameters
        ----------
        factor : int
            How many pixels of this grid lie along one of the coarser.

        Returns
        -------
        Affine2D
            Takes points of the fine grid; its results are on the coarse one.

        Examples
        --------
        >>> Affine2D.identity().onto_coarser(4).apply([1.5, 5.5]).tolist()
        [0.0, 1.0]
        """
        shrink = Affine2D.of(np.eye(2) / factor, np.full(2, (1 - factor) / (2 * factor)))
        return shrink.compose(self)

    def yx(self) -> tuple[Floats, Floats]:
        """Matrix and offset in (y, x) order, as `scipy.ndimage.affine_transform` takes them.

        Returns
        -------
        matrix : ndarray of float64, (2, 2)
        offset : ndarray of float64, (2,)
            In pixels: `out[y, x] = plane[matrix @ (y, x) + offset]`.

        Examples
        --------
        >>> matrix, offset = shift_by(3, 1).yx()
        >>> offset.tolist()
        [1.0, 3.0]
        """
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


def shift_by(x: float, y: float) -> Affine2D:
    """A pure translation by `x` and `y` pixels.

    Examples
    --------
    >>> shift_by(2, 1).apply([0, 0]).tolist()
    [2.0, 1.0]
    """
    return Affine2D(((1.0, 0.0), (0.0, 1.0)), (float(x), float(y)))


def plane_center(shape: tuple[int, int]) -> tuple[float, float]:
    """Centre (x, y) in pixels of a plane of `shape` (y, x).

    Examples
    --------
    >>> plane_center((3, 5))
    (2.0, 1.0)
    """
    return (shape[1] - 1) / 2, (shape[0] - 1) / 2
