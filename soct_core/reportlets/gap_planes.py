"""The planes of a gap: the few planes and rows that a preview or a reportlet shows of it.

An interpolated slice is watched while it is written, so that it is never read again; of the
slices beside it only planes near the gap are read, a few at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.arrays import Sliceable

_READ_DEPTH = 8
"""Planes that are read at once: as deep as the chunks that this program writes."""
MOST_ROWS = 24
"""Rows of each neighbour in the xz reslice. Chosen by eye."""


@dataclass
class GapPlanes:
    """Planes are (y, x), rows (z, x); all at one y, in the middle."""

    row: int
    middle: NDArray[Any] | None = None
    """Middle plane of what was interpolated; None on a hard skip."""
    rows: list[NDArray[Any]] = field(default_factory=list)
    """One of each interpolated plane."""
    uncertainty: NDArray[Any] | None = None
    """Half widths of the interval of each voxel of the middle plane; None where none were made."""

    def watch(self, planes: Iterable[NDArray[Any]], count: int) -> Iterator[NDArray[Any]]:
        """Pass on the `count` planes of an interpolated slice, keeping what will be shown."""
        for index, plane in enumerate(planes):
            if index == count // 2:
                self.middle = plane.copy()
            self.rows.append(plane[min(self.row, plane.shape[0] - 1)].copy())
            yield plane

    def watch_uncertainty(self, planes: Iterable[NDArray[Any]], count: int) -> Iterator[NDArray[Any]]:
        """The same, of half widths."""
        for index, plane in enumerate(planes):
            if index == count // 2:
                self.uncertainty = plane.copy()
            yield plane


def read_gap_planes(made: Sliceable | None, row: int) -> GapPlanes:
    """The planes of a slice that was written before, read a few at a time; none after a hard skip."""
    shown = GapPlanes(row)
    if made is not None:
        depth = made.shape[0]
        blocks = (made[z : z + _READ_DEPTH] for z in range(0, depth, _READ_DEPTH))
        deque(shown.watch((plane for block in blocks for plane in np.asarray(block)), depth), maxlen=0)
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
