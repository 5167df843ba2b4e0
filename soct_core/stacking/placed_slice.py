"""A placed slice: one slice in its pose, rendered plane by plane onto the canvas, each chunk read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.tables.stacking_decisions import SlotState
from soct_core.affine import Affine2D, shift_by
from soct_core.arrays import Mask, Sliceable
from soct_core.planes.dtypes import to_float
from soct_core.planes.measured import blanked, read_measured
from soct_core.planes.warp import coverage, warp, warp_measured
from soct_core.stacking.canvas import IDENTITY_PX, Canvas, is_identity
from soct_core.stacking.poses import between

_READ_DEPTH = 8
"""Planes that are read at once of a volume without chunks: as deep as the chunks that this program writes."""


@dataclass(frozen=True, eq=False)
class PlacedSlice:
    """A slice, measured or interpolated, and its place in the volume; depths in planes."""

    slice_id: int
    volume: Sliceable
    state: SlotState
    top: int
    planes: int
    """Trusted planes, from the top."""
    pose: Affine2D
    """Pose at the top of the slice; a measured slice has it throughout."""
    pose_below: Affine2D | None = None
    """Pose of the slice after, towards which an interpolated slice leads."""
    offset: tuple[int, int] = (0, 0)
    """Where its pixel (0, 0) lies, (x, y), in the frame of its poses."""
    alphas: NDArray[np.float64] | None = None
    """How far each of its planes lies from the pose above to the one below, 0 to 1."""

    @property
    def bottom(self) -> int:
        """First plane below the trusted ones."""
        return self.top + self.planes

    @property
    def plane_shape(self) -> tuple[int, int]:
        return self.volume.shape[1], self.volume.shape[2]

    def poses(self) -> list[Affine2D]:
        """Every pose that it takes, from its top to its last plane."""
        return [self.pose] if self.alphas is None else [self.pose_at(i) for i in range(len(self.alphas))]

    def pose_at(self, plane: int) -> Affine2D:
        """Pose of one of its planes: from pixels of the volume to those of the common canvas."""
        if self.pose_below is None or self.alphas is None:
            return self.pose
        return between(self.pose, self.pose_below, float(self.alphas[plane]))

    def to_pixels(self, pose: Affine2D) -> Affine2D:
        """The motion from pixels of the volume to pixels of the slice, for one of its poses."""
        if self.offset == (0, 0):
            return pose
        x, y = self.offset
        return shift_by(-x, -y).compose(pose)


@dataclass(frozen=True, eq=False)
class Rendered:
    """A plane on the canvas."""

    values: NDArray[Any]
    covered: Mask | None
    """Where it has data; None: everywhere."""


class SliceRenderer:
    """Renders the planes of a placed slice in z order; holds one block of source planes."""

    def __init__(self, placed: PlacedSlice, canvas: Canvas) -> None:
        self.placed = placed
        self._canvas = canvas
        chunks = getattr(placed.volume, "chunks", (_READ_DEPTH,))
        self._depth = max(1, int(chunks[0]))
        self._block: NDArray[Any] | None = None
        self._first = -1
        self._where: Mask | None = None
        self._motion: Affine2D | None = None
        self._covered: Mask | None = None

    def render(self, z: int) -> Rendered:
        """Its plane at depth `z` of the volume: raw where its pose is the identity."""
        index = z - self.placed.top
        plane, where = self._source(index)
        motion = self._canvas.to_slice(self.placed.to_pixels(self.placed.pose_at(index)))
        if plane.shape == self._canvas.shape and is_identity(motion, plane.shape):
            return Rendered(plane, where)
        if motion != self._motion:
            self._motion = motion
            self._covered = coverage(self.placed.plane_shape, motion, self._canvas.shape)
        assert self._covered is not None
        if is_whole_shift(motion):
            covered = self._covered if where is None else _shifted(where, motion, self._canvas.shape)
            return Rendered(_shifted(plane, motion, self._canvas.shape), covered)
        if where is None:
            values, covered = warp(to_float(plane), motion, self._canvas.shape), self._covered
        else:
            values, covered = warp_measured(to_float(plane), where, motion, self._canvas.shape)
        values[~covered] = 0
        return Rendered(values, covered)

    def _source(self, index: int) -> tuple[NDArray[Any], Mask | None]:
        """A plane, 0 where it was not measured, and where it was; None: everywhere."""
        first = index - index % self._depth
        if self._block is None or first != self._first:
            self._block = None  # free the old block before the new one is read
            planes = slice(first, min(first + self._depth, self.placed.volume.shape[0]))
            block, self._where = read_measured(self.placed.volume, planes)
            self._block = blanked(block, self._where)
            self._first = first
        plane: NDArray[Any] = self._block[index - first]
        where = None if self._where is None else self._where[index - first]
        return plane, None if where is None or where.all() else where


def is_whole_shift(motion: Affine2D) -> bool:
    """Whether a motion is a shift by whole pixels, which needs no interpolation."""
    shift = np.array(motion.about((0.0, 0.0)).translation)
    whole = float(np.abs(shift - np.rint(shift)).max()) < IDENTITY_PX
    return whole and motion.matrix == ((1.0, 0.0), (0.0, 1.0))


def _shifted(plane: NDArray[Any], motion: Affine2D, shape: tuple[int, int]) -> NDArray[Any]:
    """`out(x) = plane(x + s)` for a whole shift s; zeros outside."""
    out = np.zeros(shape, dtype=plane.dtype)
    dx, dy = (round(v) for v in motion.about((0.0, 0.0)).translation)
    rows = range(max(0, -dy), min(shape[0], plane.shape[0] - dy))
    columns = range(max(0, -dx), min(shape[1], plane.shape[1] - dx))
    if rows and columns:
        out[rows.start : rows.stop, columns.start : columns.stop] = plane[
            rows.start + dy : rows.stop + dy, columns.start + dx : columns.stop + dx
        ]
    return out
