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
_HUGGED, _HUGGED_PX = 0.9, 2.0
"""Share of the line beside which something was imaged, and how near; an outline has less. Chosen by hand."""
_GRID_PX = 1000
"""Longer side of the grid on which areas are compared: no finer than that."""


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

    def holds(self, y: NDArray[Any], x: NDArray[Any]) -> Mask:
        """Whether it holds pixels, at all pairs of some rows and columns; (y, x)."""
        in_rows = (y >= self.rows.start) & (y < self.rows.stop)
        found: Mask = in_rows[:, None] & (x >= self.columns.start) & (x < self.columns.stop)
        for line in self.lines:
            nx, ny = line.normal
            found &= (ny * y)[:, None] + nx * x <= line.reach
        return found

    def mask(self, plane_shape: tuple[int, ...]) -> Mask:
        """The pixels inside, (y, x); none where only zeros were seen."""
        return self.holds(*(np.arange(n) for n in plane_shape))


class ImagedBox:
    """The field of view of a slice; it grows with the planes that are seen.

    Of each row and column, only the first and the last pixel that holds anything is kept.
    """

    def __init__(self, plane_shape: tuple[int, int]) -> None:
        self._shape = plane_shape
        self._firsts = [np.full(n, other) for n, other in zip(plane_shape, plane_shape[::-1], strict=True)]
        self._lasts = [np.full(n, -1) for n in plane_shape]
        self._hull: NDArray[Any] | None = None

    def see(self, planes: NDArray[Any]) -> None:
        """Grow by whole planes, (y, x) or (z, y, x)."""
        if not self.is_whole:
            self.see_part(planes, 0, 0)

    def see_part(self, planes: NDArray[Any], row: int, column: int) -> None:
        """Grow by a part of planes, whose pixel (0, 0) lies at a row and column."""
        used = planes != 0
        used = used.any(axis=0) if used.ndim == 3 else used
        for axis, (own, across) in enumerate(((row, column), (column, row))):
            lines = used if axis == 0 else used.T
            at = np.flatnonzero(lines.any(axis=1))
            first = lines.argmax(axis=1)[at] + across
            last = lines.shape[1] - 1 - lines[:, ::-1].argmax(axis=1)[at] + across
            np.minimum.at(self._firsts[axis], at + own, first)
            np.maximum.at(self._lasts[axis], at + own, last)
        self._hull = None

    def holds(self, rows: slice, columns: slice) -> bool:
        """Whether nothing that lies there would make the field of view another."""
        if self.is_whole:
            return True
        hull = self._outline()
        if hull is None:
            return False
        height, width = self._shape
        top, bottom = max(0, rows.start - _AT_THE_EDGE_PX), min(height, rows.stop + _AT_THE_EDGE_PX) - 1
        left, right = max(0, columns.start - _AT_THE_EDGE_PX), min(width, columns.stop + _AT_THE_EDGE_PX) - 1
        corners = ((x, y) for x in (left, right) for y in (top, bottom))
        return all(
            cv2.pointPolygonTest(hull, (float(x), float(y)), measureDist=False) >= 0 for x, y in corners
        )

    @property
    def is_whole(self) -> bool:
        """Whether something lies in all four corners: such a slice has no padding."""
        firsts, lasts = self._firsts[0], self._lasts[0]
        return all(firsts[y] == 0 and lasts[y] == self._shape[1] - 1 for y in (0, -1))

    def inside(self) -> Inside:
        """Rows, columns and lines; no rows and columns where only zeros were seen."""
        if self.is_whole:
            return Inside(slice(0, self._shape[0]), slice(0, self._shape[1]))
        used = [np.flatnonzero(last >= 0) for last in self._lasts]
        if not used[0].size:
            return Inside(slice(0, 0), slice(0, 0))
        rows, columns = (slice(int(at[0]), int(at[-1]) + 1) for at in used)
        box = Inside(rows, columns)
        return Inside(rows, columns, self._lines(box))

    def _outline(self) -> NDArray[Any] | None:
        """The convex hull of all that was seen, as points (x, y)."""
        if self._hull is None:
            y = np.flatnonzero(self._lasts[0] >= 0)
            if not y.size:
                return None
            ends = [np.column_stack((side[0][y], y)) for side in (self._firsts, self._lasts)]
            self._hull = cv2.convexHull(np.concatenate(ends).astype(np.int32))
        return self._hull

    def _lines(self, box: Inside) -> tuple[Line, ...]:
        """Straight ends of the field of view that cut corners off a box.

        They are long edges of the convex hull, from one edge of the box to another, along which something was
        imaged; and with them hull and field of view are the same, as they are not for the outline of a brain.
        """
        hull = self._outline()
        if hull is None:
            return ()
        ends = cv2.approxPolyDP(hull, _STRAIGHT_PX, closed=True).reshape(-1, 2).astype(np.float64)
        found = []
        for a, b in pairwise(np.concatenate([ends, ends[:1]])):
            normal = _outward(a, b, box)
            if normal is not None and self._is_hugged(a, b, normal):
                reach = float((hull.reshape(-1, 2) @ normal).max()) + 0.01
                found.append(Line((float(normal[0]), float(normal[1])), reach))
        lines = tuple(found)
        return lines if _fills(hull, Inside(box.rows, box.columns, lines)) else ()

    def _is_hugged(self, a: NDArray[Any], b: NDArray[Any], normal: NDArray[Any]) -> bool:
        """Whether something was imaged just inside a line, nearly all along it."""
        # Along rows where the line is steep, along columns where it is flat.
        axis = 0 if abs(normal[0]) >= abs(normal[1]) else 1
        along, across = (1, 0) if axis == 0 else (0, 1)
        low, high = sorted((a[along], b[along]))
        at = np.arange(int(low), int(high) + 1)
        line = a[across] + (at - a[along]) * (b[across] - a[across]) / (b[along] - a[along])
        outermost = (self._lasts if normal[across] > 0 else self._firsts)[axis][at]
        off = np.abs(outermost - line) * abs(normal[across])
        return float((off <= _HUGGED_PX).mean()) >= _HUGGED


def fills_frame(planes: NDArray[Any]) -> bool:
    """Whether something else than zeros lies in each corner: such a slice has no padding."""
    corners = planes[..., [0, 0, -1, -1], [0, -1, 0, -1]].reshape(-1, 4)
    return bool((corners != 0).any(axis=0).all())


def _outward(a: NDArray[Any], b: NDArray[Any], box: Inside) -> NDArray[Any] | None:
    """The normal of an edge (x, y) of a hull, if it is long and cuts off a corner of the box around it."""
    first = np.array([box.columns.start, box.rows.start])
    last = np.array([box.columns.stop, box.rows.stop]) - 1
    length = float(np.hypot(*(b - a)))
    if length < max(2 * _AT_THE_EDGE_PX, _LEAST_LENGTH * (min(last - first) + 1)):
        return None
    at_a, at_b = (np.concatenate([end - first, last - end]) <= _AT_THE_EDGE_PX for end in (a, b))
    if not (at_a[:, None] & at_b[None, :] & ~np.eye(4, dtype=bool)).any():
        return None
    normal: NDArray[Any] = np.array([b[1] - a[1], a[0] - b[0]]) / length
    normal = normal if normal @ (a - (first + last) / 2) > 0 else -normal
    corner = np.where(normal > 0, last, first)
    return normal if normal @ (corner - a) > 2 * _STRAIGHT_PX else None


def _fills(hull: NDArray[Any], inside: Inside) -> bool:
    """Whether a hull fills a field of view, compared on a grid of bounded size."""
    height, width = inside.rows.stop - inside.rows.start, inside.columns.stop - inside.columns.start
    step = max(1, -(-max(height, width) // _GRID_PX))
    shape = -(-height // step), -(-width // step)
    y, x = (
        start + step * np.arange(n)
        for start, n in zip((inside.rows.start, inside.columns.start), shape, strict=True)
    )
    filled = np.zeros(shape, np.uint8)
    corner = np.array([inside.columns.start, inside.rows.start])
    cv2.fillConvexPoly(filled, np.rint((hull.reshape(-1, 2) - corner) / step).astype(np.int32), 1)
    return bool(filled.sum() >= _FILLED * inside.holds(y, x).sum())
