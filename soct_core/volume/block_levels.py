"""Blocks of a volume, written with the levels above them while their voxels are at hand.

A block ends where files end, of level 0 and of the levels made with it, so that blocks can be written in any
order and at the same time. Memory holds a few files of each level.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from schemas.settings import NgffVersion
from schemas.stack_plan import Block
from soct_core.volume.level_arrays import create_level
from soct_core.volume.level_grids import VolumeGrid
from soct_core.volume.provenance import LABEL_NAME
from soct_core.volume.pyramid import Factors, local_least_trusted, local_mean, shrunk

WINDOW = 512
"""Pixels along a side of what is worked on at once: its arrays stay within what the allocator keeps, so that
they are not mapped and cleared anew for each."""
Array = zarr.Array[Any]
Render = Callable[[Block], tuple[NDArray[Any], NDArray[np.uint8] | None]]
"""Voxels of a box of level 0, and their provenance; None in a volume without labels."""
Shrink = Callable[[NDArray[Any], Factors], NDArray[Any]]


@dataclass(frozen=True)
class LevelArrays:
    """The arrays of a volume on disk, finest level first."""

    image: tuple[Array, ...]
    labels: tuple[Array, ...]
    """None of an image that has no labels."""

    @classmethod
    def create(
        cls,
        group: zarr.Group,
        grid: VolumeGrid,
        dtype: np.dtype[Any],
        version: NgffVersion,
        fill: float = 0.0,
    ) -> LevelArrays:
        """Make them, empty, in a group and in its group of provenance labels."""
        image = tuple(create_level(group, str(i), g, dtype, version, fill) for i, g in enumerate(grid.image))
        if not grid.labels:
            return cls(image, ())
        labels, kind = group.create_group("labels").create_group(LABEL_NAME), np.dtype(np.uint8)
        return cls(
            image, tuple(create_level(labels, str(i), g, kind, version) for i, g in enumerate(grid.labels))
        )


class Slab:
    """Planes of a level within a box, collected to the depth of its files; then written, and shrunk further.

    `held` are the first planes of the box, where these are known already.
    """

    def __init__(
        self,
        array: Array,
        depth: int,
        box: Block,
        above: Shrinking | None = None,
        held: NDArray[Any] | None = None,
    ) -> None:
        self._array, self._box, self._above = array, box, above
        self._z = box.first[0]
        self._buffer = np.empty((min(depth, box.shape[0]), *box.shape[1:]), dtype=array.dtype)
        if held is not None:
            self._buffer[: len(held)] = held

    def put(self, first: Sequence[int], values: NDArray[Any]) -> None:
        """Take a box of voxels, from `first` of the level on."""
        origin = self._z, *self._box.first[1:]
        at = (slice(f - o, f - o + n) for f, o, n in zip(first, origin, values.shape, strict=True))
        self._buffer[tuple(at)] = values

    def reached(self, z: int) -> None:
        """All planes above `z` are there: what fills files is written."""
        (_, y, x), (end, *edges) = self._box.first, self._box.end
        if z < min(self._z + len(self._buffer), end):
            return
        planes = self._buffer[: z - self._z]
        self._array[self._z : z, y : edges[0], x : edges[1]] = planes
        if self._above is not None:
            self._above.put((self._z, y, x), planes)
            self._above.reached(z)
        self._z = z


class Shrinking:
    """Hands boxes of a level on to the slab of the level above."""

    def __init__(self, factors: Factors, shrink: Shrink, slab: Slab) -> None:
        self._factors, self._shrink, self._slab = factors, shrink, slab

    def put(self, first: Sequence[int], values: NDArray[Any]) -> None:
        """Take a box of voxels, from `first` of the level below on, which is even."""
        z, y, x = values.shape
        for window in windows(Block(first=(0, 0, 0), end=(z, y, x))):
            at = [(f + w) // n for f, w, n in zip(first, window.first, self._factors, strict=True)]
            self._slab.put(at, self._shrink(values[slices(window)], self._factors))

    def reached(self, z: int) -> None:
        """All planes above `z` of the level below are there."""
        self._slab.reached(-(-z // self._factors[0]))


def write_block(arrays: LevelArrays, grid: VolumeGrid, block: Block, render: Render) -> None:
    """Write a block of level 0 and what lies above it in the levels that are made with it."""
    steps = grid.steps[: grid.within]
    image = _above(arrays.image, [g.unit[0] for g in grid.image], steps, block, local_mean)
    labels = None
    if arrays.labels:
        depths = [g.unit[0] for g in grid.labels]
        above = _above(arrays.labels, depths, steps, block, local_least_trusted)
        labels = Slab(arrays.labels[0], depths[0], block, above)
    depth, *unit = grid.image[0].unit
    sides = [n * max(1, WINDOW // n) for n in unit]
    scratch = np.empty(depth * math.prod(sides), dtype=arrays.image[0].dtype)
    for z in range(block.first[0], block.end[0], depth):
        end = min(z + depth, block.end[0])
        for cell in _tiles(block, (z, end), sides):
            values = scratch[: math.prod(cell.shape)].reshape(cell.shape)
            for window in windows(cell):
                part, provenance = render(window)
                values[_within(window, cell)] = part
                if labels is not None and provenance is not None:
                    labels.put(window.first, provenance)
                if image is not None:
                    image.put(window.first, part)
            arrays.image[0][slices(cell)] = values
        if labels is not None:
            labels.reached(end)
        if image is not None:
            image.reached(end)


def write_rest(arrays: LevelArrays, grid: VolumeGrid, kept_planes: int, former: LevelArrays | None) -> None:
    """Write the levels that are not made with their blocks, from the last that is.

    Parameters
    ----------
    kept_planes
        So many planes of level 0 are those of `former`, whose whole files are there already.
    """
    levels, known = grid.within, known_planes(grid, kept_planes)
    for mine, theirs, grids, shrink in (
        (arrays.image, None if former is None else former.image, grid.image, local_mean),
        (arrays.labels, None if former is None else former.labels, grid.labels, local_least_trusted),
    ):
        above: Shrinking | None = None
        for level in range(len(grids) - 1, levels, -1):
            depth, held = grids[level].unit[0], None
            start = known[level] - known[level] % depth
            if theirs is not None and known[level] > start:
                held = np.asarray(theirs[level][start : known[level]])
            box = Block(first=(start, 0, 0), end=grids[level].shape)
            slab = Slab(mine[level], depth, box, above, held)
            above = Shrinking(grid.steps[level - 1], shrink, slab)
        if above is None:
            continue
        depth, shape = grids[levels].unit[0], grids[levels].shape
        for z in range(known[levels], shape[0], depth):
            end = min(z + depth, shape[0])
            for window in windows(Block(first=(z, 0, 0), end=(end, *shape[1:]))):
                above.put(window.first, np.asarray(mine[levels][slices(window)]))
            above.reached(end)


def known_planes(grid: VolumeGrid, kept_planes: int) -> list[int]:
    """Planes of each level that are known where so many of level 0 are."""
    known = [kept_planes]
    for level, step in enumerate(grid.steps):
        whole = known[-1] - known[-1] % grid.image[level].unit[0]
        known.append(whole // step[0])
    return known


def windows(box: Block) -> Iterator[Block]:
    """A box in parts that are narrow enough to be worked on at once."""
    yield from _tiles(box, (box.first[0], box.end[0]), (WINDOW, WINDOW))


def slices(box: Block) -> tuple[slice, slice, slice]:
    """The index of a box."""
    z, y, x = (slice(a, b) for a, b in zip(box.first, box.end, strict=True))
    return z, y, x


def _above(
    arrays: Sequence[Array], depths: Sequence[int], steps: Sequence[Factors], block: Block, shrink: Shrink
) -> Shrinking | None:
    """Where a block of level 0 goes on to."""
    boxes = [block]
    for z, y, x in steps:
        first = boxes[-1].first
        boxes.append(
            Block(first=(first[0] // z, first[1] // y, first[2] // x), end=shrunk(boxes[-1].end, (z, y, x)))
        )
    above: Shrinking | None = None
    for level in range(len(boxes) - 1, 0, -1):
        above = Shrinking(steps[level - 1], shrink, Slab(arrays[level], depths[level], boxes[level], above))
    return above


def _tiles(box: Block, planes: tuple[int, int], sides: Sequence[int]) -> Iterator[Block]:
    z, end = planes
    for y in range(box.first[1], box.end[1], sides[0]):
        for x in range(box.first[2], box.end[2], sides[1]):
            far = min(y + sides[0], box.end[1]), min(x + sides[1], box.end[2])
            yield Block(first=(z, y, x), end=(end, *far))


def _within(window: Block, cell: Block) -> tuple[slice, ...]:
    return tuple(
        slice(a - start, b - start) for a, b, start in zip(window.first, window.end, cell.first, strict=True)
    )
