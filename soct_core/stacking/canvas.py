"""The canvas: one pixel grid that holds every slice in its pose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soct_core.affine import Affine2D, shift_by
from soct_core.errors import VolumeError

IDENTITY_PX = 1e-6
"""A pose that moves less is the identity: no voxel would change by more than rounding. Chosen by hand."""
MAX_GROWTH = 4.0
"""Largest canvas, in sides of a slice. Chosen by hand: poses that spread slices farther are wrong."""
_ROOM, _LEAST_ROOM_PX = 1 / 16, 16
"""Where slices were moved, edges lie at multiples of about this share of the longer side, in pixels at least:
the next slices will lie elsewhere. Chosen by hand, twice the room of a first version."""
_MORE_ROOM, _LEAST_MORE_ROOM_PX = 1 / 8, 64
"""The same for an edge that had to move once. Chosen by hand."""


@dataclass(frozen=True)
class Canvas:
    """A grid of `shape` (y, x) whose pixel (0, 0) lies at `origin` (x, y) of the volume's frame."""

    shape: tuple[int, int]
    origin: tuple[int, int]

    def to_slice(self, pose: Affine2D) -> Affine2D:
        """The motion from canvas pixels to pixels of a slice in a pose."""
        return pose.compose(shift_by(*self.origin))


def enclosing_canvas(placed: Iterable[tuple[Affine2D, tuple[int, int]]]) -> Canvas:
    """The smallest canvas that holds planes of the given shapes (y, x) in the given poses.

    Raises
    ------
    VolumeError
        If the poses spread the slices over more than four times the side of a slice.
    """
    low, high, largest = np.full(2, np.inf), np.full(2, -np.inf), np.zeros(2)
    for pose, (height, width) in placed:
        corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], dtype=float)
        at = pose.inverse().apply(corners)
        low = np.minimum(low, at.min(axis=0))
        high = np.maximum(high, at.max(axis=0))
        largest = np.maximum(largest, (width, height))
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise VolumeError("a pose is not finite, which cannot be right")
    first, last = np.floor(low + IDENTITY_PX), np.ceil(high - IDENTITY_PX)
    size = last - first + 1
    if (size > MAX_GROWTH * largest).any():
        spread = f"{size[0]:.0f} x {size[1]:.0f}"
        raise VolumeError(f"the poses spread slices over {spread} px, which cannot be right")
    return Canvas((int(size[1]), int(size[0])), (int(first[0]), int(first[1])))


def with_margin(canvas: Canvas) -> Canvas:
    """The canvas with its edges rounded outward, to multiples of about a 16th of its longer side.

    Slices to come then seldom leave it, so that a volume seldom has to be written again for them.
    """
    step = _step(canvas, _ROOM, _LEAST_ROOM_PX)
    first = np.floor(np.divide(canvas.origin, step)) * step
    return _between(first, np.ceil(_end(canvas) / step) * step)


def enlarged(canvas: Canvas, needed: Canvas) -> Canvas:
    """The canvas itself if it holds the needed one, else with more room beyond each edge that it lacks."""
    step = _step(canvas, _MORE_ROOM, _LEAST_MORE_ROOM_PX)
    first, end = np.array(canvas.origin), _end(canvas)
    low = np.where(np.less(needed.origin, first), np.floor(np.divide(needed.origin, step)) * step, first)
    high = np.where(_end(needed) > end, np.ceil(_end(needed) / step) * step, end)
    return _between(low, high)


def _step(canvas: Canvas, share: float, least: int) -> int:
    octaves = int(np.log2(max(1.0, max(canvas.shape) * share)))
    return max(least, 1 << octaves)


def _between(first: NDArray[np.float64], end: NDArray[np.float64]) -> Canvas:
    width, height = (int(n) for n in end - first)
    return Canvas((height, width), (int(first[0]), int(first[1])))


def _end(canvas: Canvas) -> NDArray[np.int64]:
    return np.add(canvas.origin, canvas.shape[::-1], dtype=np.int64)


def is_identity(motion: Affine2D, shape: tuple[int, int]) -> bool:
    """Whether a motion moves no corner of a plane by a millionth of a pixel."""
    height, width = shape
    corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], dtype=float)
    return bool(np.abs(motion.apply(corners) - corners).max() < IDENTITY_PX)
