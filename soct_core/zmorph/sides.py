"""Sides of a gap: the plane next to it, and the mean behind it, read tile by tile: no plane is ever held."""

from __future__ import annotations

from collections import OrderedDict
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.arrays import Mask, Sliceable
from soct_core.planes.dtypes import to_float
from soct_core.planes.measured import blanked, imaged_of, measured
from soct_core.planes.padding import fills_frame
from soct_core.planes.warp import Box
from soct_core.zmorph.near_planes import blocks
from soct_core.zmorph.sources import TRANSITION, Source

TILE_PX, TILES_HELD = 512, 36
"""A tile is as wide as the chunks that this program writes. As many as a block and its surroundings pull from
are held: at float32, of a face and a mean, 72 MB on each side."""
_MARGIN = 16
"""Of a box that is held, in pixels: tissue moves by less from plane to plane."""


class Side:
    """One side of a gap: the plane next to it and the mean of a few, read tile by tile and held for a while.

    Parameters
    ----------
    volume
        (z, y, x).
    count
        Planes next to the gap, of which the mean is the source of the inner planes.
    above
        Whether the gap lies below, so that the last plane is the one next to it.
    """

    def __init__(self, volume: Sliceable, count: int = 1, *, above: bool = False) -> None:
        depth, height, width = volume.shape
        self.shape = height, width
        self.dtype = np.dtype(volume.dtype)
        self.edge = depth - 1 if above else 0
        self.volume = volume
        count = min(count, depth)
        self._planes = slice(depth - count, depth) if above else slice(0, count)
        # Of an array, padding is looked for once.
        fills = isinstance(volume, np.ndarray) and fills_frame(volume[self.edge])
        self._imaged = np.broadcast_to(np.True_, volume.shape) if fills else imaged_of(volume)
        nowhere = slice(0, 0), slice(0, 0)
        self._last: tuple[float, Box, NDArray[Any], Mask | None] = -1.0, nowhere, np.empty((0, 0)), None
        self._tiles: OrderedDict[tuple[int, int], Source] = OrderedDict()

    @classmethod
    def of_plane(cls, plane: NDArray[Any], where: Mask | None = None) -> Side:
        """A side that is a single plane, (y, x), of which `where` was measured; None: all."""
        return cls(_OnePlane(plane, where))

    def raw(self, box: Box) -> NDArray[Any]:
        """A box of the plane next to the gap, as imaged."""
        face: NDArray[Any] = np.asarray(self.volume[(slice(self.edge, self.edge + 1), *box)])[0]
        return face

    def measured(self, box: Box) -> Mask | None:
        """What was measured of it; None: all."""
        return measured(self.raw(box), self._imaged_in(slice(self.edge, self.edge + 1), box, 0))

    def source(self, away: float, box: Box) -> tuple[NDArray[Any], Mask | None]:
        """A box of the source of a plane that lies `away` from this side; see `Source.at`."""
        if 0 < away < TRANSITION:
            return self._assembled(away, box)
        # Planes behind one another pull from nearly the same box: it is put together with a margin.
        held_away, held_box, values, seen = self._last
        away = min(away, TRANSITION)
        if held_away != away or any(
            w.start < h.start or w.stop > h.stop for w, h in zip(box, held_box, strict=True)
        ):
            held_box = _widened(box, self.shape)
            values, seen = self._assembled(away, held_box)
            self._last = away, held_box, values, seen
        rows, columns = (
            slice(w.start - h.start, w.stop - h.start) for w, h in zip(box, held_box, strict=True)
        )
        where = None if seen is None or seen[rows, columns].all() else seen[rows, columns]
        return values[rows, columns], where

    def _assembled(self, away: float, box: Box) -> tuple[NDArray[Any], Mask | None]:
        """A box of a source, from the tiles that it lies in."""
        shape = box[0].stop - box[0].start, box[1].stop - box[1].start
        values: NDArray[Any] | None = None
        where: Mask | None = None
        for row, column in product(*(range(part.start // TILE_PX, -(-part.stop // TILE_PX)) for part in box)):
            tile, seen = self._tile(row, column).at(away)
            inside, part = zip(
                *(
                    _overlap(wanted, i * TILE_PX, size)
                    for wanted, i, size in zip(box, (row, column), tile.shape, strict=True)
                ),
                strict=True,
            )
            if values is None:
                values = np.empty(shape, tile.dtype)
            values[inside] = tile[part]
            if seen is not None:
                where = np.ones(shape, dtype=bool) if where is None else where
                where[inside] = seen[part]
        assert values is not None
        return values, where

    def _tile(self, row: int, column: int) -> Source:
        if (row, column) in self._tiles:
            self._tiles.move_to_end((row, column))
            return self._tiles[row, column]
        box = tuple(
            slice(i * TILE_PX, min(size, (i + 1) * TILE_PX))
            for i, size in zip((row, column), self.shape, strict=True)
        )
        tile = self._read((box[0], box[1]))
        self._tiles[row, column] = tile
        if len(self._tiles) > TILES_HELD:
            self._tiles.popitem(last=False)
        return tile

    def _read(self, box: Box) -> Source:
        """The face and the mean of a box."""
        known = total = held = face_measured = None
        for block in blocks(self.volume, self._planes.start, self._planes.stop - self._planes.start):
            planes = np.asarray(self.volume[(block, *box)])
            for index, plane in enumerate(planes):
                seen = measured(plane, self._imaged_in(block, box, index))
                # The plane may be a view of a whole chunk, which must not be held.
                floats = np.array(blanked(to_float(plane), seen))
                if block.start + index == self.edge:
                    known, face_measured = floats, seen
                if self._planes.stop - self._planes.start > 1:
                    total = floats.copy() if total is None else np.add(total, floats, out=total)
                    there = np.float32(1) if seen is None else seen.astype(np.float32)
                    held = there if held is None else held + there
        assert known is not None
        if total is None or held is None:
            return Source(known, face_measured)
        counts = np.broadcast_to(held.astype(total.dtype), total.shape)
        np.divide(total, counts, out=total, where=counts > 0)
        return Source(known, face_measured, total, None if counts.min() > 0 else counts > 0)

    def _imaged_in(self, planes: slice, box: Box, index: int) -> Mask | None:
        if getattr(self._imaged, "is_whole", False):
            return None
        mask: Mask = np.asarray(self._imaged[(planes, *box)])[index]
        return None if mask.all() else mask


class _OnePlane:
    """A volume of one plane, of which something was measured."""

    def __init__(self, plane: NDArray[Any], where: Mask | None) -> None:
        self.shape, self.dtype = (1, *plane.shape), plane.dtype
        self.imaged = np.broadcast_to(np.True_ if where is None else where, self.shape)
        self._plane = plane

    def __getitem__(self, index: Any) -> NDArray[Any]:
        return np.asarray(self._plane[None][index])


def _widened(box: Box, shape: tuple[int, int]) -> Box:
    rows, columns = (
        slice(max(0, part.start - _MARGIN), min(size, part.stop + _MARGIN))
        for part, size in zip(box, shape, strict=True)
    )
    return rows, columns


def _overlap(wanted: slice, start: int, size: int) -> tuple[slice, slice]:
    """What a tile gives of what is wanted along one axis: where it goes, and where it lies in the tile."""
    low, high = max(wanted.start, start), min(wanted.stop, start + size)
    return slice(low - wanted.start, high - wanted.start), slice(low - start, high - start)
