"""Padding: zeros outside the field of view of a slice, through all its planes, known from its shape.

Bands along the edges, and corners cut off by a straight line, as where a field of view was turned before it
was written. What lies in them was not imaged. Zeros elsewhere were: a masked brain has many, and so has a
volume whose background was subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from soct_core.arrays import Mask

_STRAIGHT_PX = 1.0
"""How far the rim of a turned field of view may leave its line. Chosen by hand."""
_LEAST_LENGTH = 0.25
"""Of such a line, as a share of the shorter side: what is shorter cuts off little. Chosen by hand."""
_FILLED = 0.98
"""Share of what the lines leave of the box that the convex hull fills. An ellipse fills 0.79. By hand."""
_AT_THE_EDGE_PX = 3
"""How near to an edge of the box such a line ends. Chosen by hand."""
_HUGGED = 0.9
"""Share of the line beside which something was imaged; a hull over an outline has less. Chosen by hand."""


@dataclass(frozen=True)
class Line:
    """Where the field of view ends: what was imaged lies at `normal · (x, y) <= reach`."""

    normal: tuple[float, float]
    reach: float


@dataclass(frozen=True)
class Inside:
    """The field of view: some rows and columns, and of these what lies within some lines."""

    rows: slice
    columns: slice
    lines: tuple[Line, ...] = ()

    def mask(self, plane_shape: tuple[int, ...]) -> Mask:
        """The pixels inside, (y, x); none where only zeros were seen."""
        return self.mask_at(*(np.arange(n) for n in plane_shape))

    def mask_at(self, y: NDArray[Any], x: NDArray[Any]) -> Mask:
        """The same of some rows and columns, by their numbers."""
        within = (
            (at >= (part.start or 0)) & (True if part.stop is None else at < part.stop)
            for at, part in zip((y, x), (self.rows, self.columns), strict=True)
        )
        found: Mask = np.logical_and.outer(*within)
        y, x = y.astype(np.float32), x.astype(np.float32)
        for line in self.lines:
            nx, ny = line.normal
            found &= (ny * y)[:, None] + (nx * x)[None, :] <= line.reach
        return found


class ImagedBox:
    """The field of view of a slice; it grows with the planes that are seen."""

    def __init__(self, plane_shape: tuple[int, int]) -> None:
        self._used: Mask = np.zeros(plane_shape, dtype=bool)
        self.is_whole = False

    def see(self, planes: NDArray[Any]) -> None:
        """Grow by whole planes, (y, x) or (z, y, x)."""
        if not self.is_whole:
            self.see_part(planes, 0, 0)

    def see_part(self, planes: NDArray[Any], row: int, column: int) -> None:
        """Grow by a part of planes, whose pixel (0, 0) lies at a row and column."""
        used = planes != 0
        used = used.any(axis=0) if used.ndim == 3 else used
        self._used[row : row + used.shape[0], column : column + used.shape[1]] |= used
        self.is_whole = fills_frame(self._used)

    def holds(self, rows: slice, columns: slice) -> bool:
        """Whether what lies there cannot show in its outline: farther out there is something in every row."""
        used = self._used[rows]
        left = used[:, : max(0, columns.start - _AT_THE_EDGE_PX)].any(axis=1)
        right = used[:, columns.stop + _AT_THE_EDGE_PX :].any(axis=1)
        return bool((left & right).all())

    def inside(self) -> Inside:
        """Rows, columns and lines; no rows and columns where only zeros were seen."""
        if self.is_whole:
            return Inside(slice(0, self._used.shape[0]), slice(0, self._used.shape[1]))
        if not self._used.any():
            return Inside(slice(0, 0), slice(0, 0))
        rows, columns = (
            slice(int(at[0]), int(at[-1]) + 1)
            for at in (np.flatnonzero(self._used.any(axis=1)), np.flatnonzero(self._used.any(axis=0)))
        )
        return Inside(rows, columns, _lines(self._used[rows, columns], (columns.start, rows.start)))


def fills_frame(planes: NDArray[Any]) -> bool:
    """Whether something else than zeros lies on each edge and in each corner: such a slice has no padding."""
    corners = planes[..., [0, 0, -1, -1], [0, -1, 0, -1]].reshape(-1, 4)
    edges = planes[..., 0, :], planes[..., -1, :], planes[..., :, 0], planes[..., :, -1]
    return bool((corners != 0).any(axis=0).all()) and all(bool((edge != 0).any()) for edge in edges)


def _lines(used: Mask, origin: tuple[int, int]) -> tuple[Line, ...]:
    """Straight ends of the field of view that cut corners off the box `used`, whose first pixel is `origin`.

    They are long edges of the convex hull, from one edge of the box to another, along which something was
    imaged; and with them hull and field of view are the same, as they are not for the outline of a brain.
    """
    points = _outermost(used)
    hull = cv2.convexHull(points)
    ends = cv2.approxPolyDP(hull, _STRAIGHT_PX, closed=True).reshape(-1, 2).astype(np.float64)
    found = []
    for a, b in pairwise(np.concatenate([ends, ends[:1]])):
        normal = _outward(a, b, used.shape)
        if normal is not None and _between_edges(a, b, used.shape) and _hugged(used, a, b, normal):
            reach = float((points @ normal).max()) + 0.01
            found.append(Line((float(normal[0]), float(normal[1])), reach))
    everything = Inside(slice(None), slice(None), tuple(found))
    filled = np.zeros(used.shape, np.uint8)
    cv2.fillConvexPoly(filled, hull, 1)
    if filled.sum() < _FILLED * everything.mask(used.shape).sum():
        return ()
    return tuple(Line(one.normal, one.reach + float(np.dot(one.normal, origin))) for one in found)


def _outward(a: NDArray[Any], b: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any] | None:
    """The normal of an edge (x, y) of the hull, if it is long and cuts off a corner of the box."""
    length = float(np.hypot(*(b - a)))
    if length < max(2 * _AT_THE_EDGE_PX, _LEAST_LENGTH * min(shape)):
        return None
    last = np.array([shape[1] - 1, shape[0] - 1])
    normal: NDArray[Any] = np.array([b[1] - a[1], a[0] - b[0]]) / length
    normal = normal if normal @ (a - last / 2) > 0 else -normal
    corner = np.where(normal > 0, last, 0)
    return normal if normal @ (corner - a) > 2 * _STRAIGHT_PX else None


def _outermost(used: Mask) -> NDArray[np.int32]:
    """First and last pixel (x, y) of each row that holds any."""
    y = np.flatnonzero(used.any(axis=1))
    first, last = used.argmax(axis=1)[y], used.shape[1] - 1 - used[:, ::-1].argmax(axis=1)[y]
    return np.concatenate([np.column_stack((first, y)), np.column_stack((last, y))]).astype(np.int32)


def _between_edges(a: NDArray[Any], b: NDArray[Any], shape: tuple[int, ...]) -> bool:
    """Whether two points (x, y) lie at different edges of a box."""
    last = np.array([shape[1] - 1, shape[0] - 1])
    at_a, at_b = (np.concatenate([end, last - end]) <= _AT_THE_EDGE_PX for end in (a, b))
    return bool((at_a[:, None] & at_b[None, :] & ~np.eye(4, dtype=bool)).any())


def _hugged(used: Mask, a: NDArray[Any], b: NDArray[Any], normal: NDArray[Any]) -> bool:
    """Whether something was imaged just inside the line, nearly all along it."""
    steps = max(2, int(np.hypot(*(b - a))))
    t = np.linspace(0, 1, steps)[:, None]
    beside = np.zeros(steps, dtype=bool)
    for depth in (0.0, 1.0, 2.0):
        x, y = np.rint(a + t * (b - a) - depth * normal).astype(int).T
        within = (x >= 0) & (y >= 0) & (x < used.shape[1]) & (y < used.shape[0])
        beside[within] |= used[y[within], x[within]]
    return float(beside.mean()) >= _HUGGED
