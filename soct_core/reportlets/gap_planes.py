"""The planes of a gap: the few planes and rows that a preview or a reportlet shows of it.

An interpolated slice is watched while it is written, so that it is never read again; of the
slices beside it only planes near the gap are read, a few at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.stack_plan import Block, Shape
from soct_core.arrays import Sliceable
from soct_core.registration.working_plane import block_mean
from soct_core.volume.block_levels import slices

_READ_DEPTH = 8
"""Planes that are read at once: as deep as the chunks that this program writes."""
THUMBNAIL_PX = 512
"""Longer side of each picture of a preview, about, in pixels. Chosen by eye."""
_BAND_ROWS = 512
"""A power of 2, as parts of a plane must hold whole squares of it."""
_MOST_PX = 2048
"""Longer side of what is kept of a plane. Chosen by hand: all of it up to there."""
MOST_ROWS = 24
"""Rows of each neighbour in the xz reslice. Chosen by eye."""


@dataclass
class GapPlanes:
    """Planes are (y, x), as `reduced_plane` has them; rows (z, x), all at one y, in the middle."""

    row: int
    middle: NDArray[Any] | None = None
    """Middle plane of what was interpolated; None on a hard skip."""
    rows: list[NDArray[Any]] = field(default_factory=list)
    """One of each interpolated plane."""
    uncertainty: NDArray[Any] | None = None
    """Half widths of the interval of each voxel of the middle plane; None where none were made."""

    def see(self, values: NDArray[Any], box: Block, shape: Shape) -> None:
        """Keep of a box of an interpolated slice of some shape, (z, y, x), what will be shown."""
        planes, rows, columns = slices(box)
        row = min(self.row, shape[1] - 1)
        if not self.rows:
            self.rows = [np.zeros(shape[2], values.dtype) for _ in range(shape[0])]
        if rows.start <= row < rows.stop:
            for z, plane in zip(range(planes.start, planes.stop), values, strict=True):
                self.rows[z][columns] = plane[row - rows.start]
        self.middle = _with_middle(self.middle, values, box, shape)

    def see_uncertainty(self, values: NDArray[Any], box: Block, shape: Shape) -> None:
        """The same, of half widths."""
        self.uncertainty = _with_middle(self.uncertainty, values, box, shape)


def reduced_plane(volume: Sliceable, z: int) -> NDArray[Any]:
    """One plane, read a band of rows at a time; large ones as means of 2, 4, 8 ... pixels a side."""
    shape = volume.shape[1], volume.shape[2]
    plane: NDArray[Any] | None = None
    for y in range(0, shape[0], _BAND_ROWS):
        rows = slice(y, min(y + _BAND_ROWS, shape[0]))
        plane = _put(plane, np.asarray(volume[z, rows]), (y, 0), shape)
    assert plane is not None
    return plane


def thumbnail(plane: NDArray[Any]) -> NDArray[Any]:
    """Every so many pixels of a plane."""
    step = max(1, max(plane.shape) // THUMBNAIL_PX)
    return plane[::step, ::step]


def _with_middle(
    held: NDArray[Any] | None, values: NDArray[Any], box: Block, shape: Shape
) -> NDArray[Any] | None:
    middle = shape[0] // 2 - box.first[0]
    if not 0 <= middle < len(values):
        return held
    return _put(held, values[middle], box.first[1:], shape[1:])


def _put(
    held: NDArray[Any] | None, part: NDArray[Any], first: tuple[int, int], shape: tuple[int, int]
) -> NDArray[Any]:
    """A part of a plane of some shape in its place on the reduced one, which is made with the first."""
    factor = 1
    while max(shape) // factor >= _MOST_PX:
        factor *= 2
    small = part if factor == 1 else block_mean(part.astype(np.float32, copy=False), factor)
    if held is None:
        held = np.zeros((shape[0] // factor, shape[1] // factor), small.dtype)
    y, x = (start // factor for start in first)
    held[y : y + small.shape[0], x : x + small.shape[1]] = small
    return held


def read_gap_planes(made: Sliceable | None, row: int) -> GapPlanes:
    """The planes of a slice that was written before, a few rows of each; none after a hard skip."""
    shown = GapPlanes(row)
    if made is not None:
        depth, height = made.shape[:2]
        shown.middle = reduced_plane(made, depth // 2)
        y = min(row, height - 1)
        for z in range(0, depth, _READ_DEPTH):
            shown.rows.extend(np.asarray(made[z : z + _READ_DEPTH, y]))
    return shown


def rows_near(volume: Sliceable, row: int, *, last: bool) -> NDArray[Any]:
    """Row `row` of the planes nearest a gap, (z, x): the last of the slice before, or the first."""
    depth = volume.shape[0]
    count = min(depth, MOST_ROWS)
    first = depth - count if last else 0
    y = min(row, volume.shape[1] - 1)
    blocks = [
        np.asarray(volume[z : min(z + _READ_DEPTH, first + count), y])
        for z in range(first, first + count, _READ_DEPTH)
    ]
    return np.concatenate(blocks)
