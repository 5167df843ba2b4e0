"""The planes of a gap: the few planes and rows that a preview or a reportlet shows of it.

An interpolated slice is watched while it is written, so that it is never read again; of the
slices beside it only planes near the gap are read, a few at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.arrays import Sliceable

_READ_DEPTH = 8
"""Planes that are read at once: as deep as the chunks that this program writes."""
THUMBNAIL_PX = 512
"""Longer side of each picture of a preview, about, in pixels. Chosen by eye."""
_BAND_ROWS = 512
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


def thumbnail(volume: Sliceable, z: int) -> NDArray[Any]:
    """One plane, every so many pixels of it, read a band of rows at a time."""
    height, width = volume.shape[1:]
    step = max(1, max(height, width) // THUMBNAIL_PX)
    bands = range(0, height, step * -(-_BAND_ROWS // step))
    ends = [*bands[1:], height]
    parts = [np.asarray(volume[z, y:end])[::step, ::step] for y, end in zip(bands, ends, strict=True)]
    return np.concatenate(parts)


def read_gap_planes(made: Sliceable | None, row: int) -> GapPlanes:
    """The planes of a slice that was written before, a few rows of each; none after a hard skip."""
    shown = GapPlanes(row)
    if made is not None:
        depth, height = made.shape[:2]
        shown.middle = np.asarray(made[depth // 2])
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
