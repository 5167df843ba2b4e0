"""Padding: bands of exact zeros along the edges of a slice, through all its planes.

What lies in them was not imaged. Zeros elsewhere were: a masked brain has many, and so has a
volume whose background was subtracted.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class ImagedBox:
    """The rows and columns inside the padding, (y, x); it grows with the planes that are seen."""

    def __init__(self, plane_shape: tuple[int, int]) -> None:
        self._shape = plane_shape
        self._spans: list[tuple[int, int]] = [(n, 0) for n in plane_shape]

    def see(self, planes: NDArray[Any]) -> None:
        """Grow by whole planes, (y, x) or (z, y, x)."""
        if reaches_all_edges(planes):
            self._spans = [(0, n) for n in self._shape]
        else:
            self.see_part(planes, 0, 0)

    def see_part(self, planes: NDArray[Any], row: int, column: int) -> None:
        """Grow by a part of planes, whose pixel (0, 0) lies at a row and column."""
        used = planes != 0
        used = used.any(axis=0) if used.ndim == 3 else used
        if used.any():
            for axis, start in enumerate((row, column)):
                at = np.flatnonzero(used.any(axis=1 - axis)) + start
                first, end = self._spans[axis]
                self._spans[axis] = min(first, int(at[0])), max(end, int(at[-1]) + 1)

    def holds(self, rows: slice, columns: slice) -> bool:
        """Whether it would not grow by anything that lies there."""
        return all(
            first <= part.start and part.stop <= end
            for (first, end), part in zip(self._spans, (rows, columns), strict=True)
        )

    @property
    def is_whole(self) -> bool:
        return self._spans == [(0, n) for n in self._shape]

    def inside(self) -> tuple[slice, slice]:
        """Rows and columns; both empty where only zeros were seen."""
        rows, columns = (slice(first, max(first, end)) for first, end in self._spans)
        return rows, columns


def reaches_all_edges(planes: NDArray[Any]) -> bool:
    """Whether something else than zeros lies on each of the four edges: a slice like that has no padding."""
    edges = planes[..., 0, :], planes[..., -1, :], planes[..., :, 0], planes[..., :, -1]
    return all(bool((edge != 0).any()) for edge in edges)
