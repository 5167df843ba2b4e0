"""The grid of a volume: its levels, their chunks and shards, and blocks that no file reaches across.

Files of a level are so many voxels of level 0 wide and deep; a block holds whole files of level 0 and of
the levels that are made while its voxels are at hand. Levels above are small, and are made from those.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from schemas.settings import NgffVersion, StackSettings
from schemas.stack_plan import Block, LevelGrid, Shape
from soct_core.volume.pyramid import Factors, halvings, shrunk

WITHIN = 2
"""Levels above level 0 that are made with it. Of the rest, the level below is read again: 1/64 of all."""
MOST_LOOSE_CHUNKS = 64
"""Chunks of a layer up to which each is a file of its own."""
SHARD_BYTES = 2**26
"""Of a shard of level 0, unpacked; what is written as one has to be held as one."""
_SHARD_IN_CHUNKS = (1, 4, 4)
_SLIVER = 1 / 8
"""Of a block. Chosen by hand: as much as memory can spare."""
PART_BYTES, MOST_PARTS = 2**28, 384
"""A part takes a second at least, which hides what its task run costs, and not so many that the costs of
task runs, one behind the other, outlast the work of a hundred workers."""


@dataclass(frozen=True)
class VolumeGrid:
    """Levels of an image and of its labels."""

    image: tuple[LevelGrid, ...]
    labels: tuple[LevelGrid, ...]
    """None of an image that has no labels."""
    within: int
    """Levels above level 0 that are made with its blocks."""

    @property
    def steps(self) -> tuple[Factors, ...]:
        """Factors from one level to the next, where they are halved."""
        return tuple(halvings(self.image[0].shape))

    @property
    def block(self) -> Shape:
        """Voxels of level 0 in a block; those at the far edges are smaller."""
        units = [
            [n << level for n in grid.unit]
            for grids in (self.image, self.labels)
            for level, grid in enumerate(grids[: self.within + 1])
        ]
        z, y, x = (math.lcm(*along) for along in zip(*units, strict=True))
        return z, y, x

    def blocks(self, kept_planes: int = 0) -> Iterator[Block]:
        """All blocks below the first planes, in order."""
        shape, size = self.image[0].shape, self.block
        depths = pairwise([*range(kept_planes, shape[0], size[0]), shape[0]])
        sides = (_edges(n, step) for n, step in zip(shape[1:], size[1:], strict=True))
        for (z, end), (y, bottom), (x, right) in product(depths, *map(pairwise, sides)):
            yield Block(first=(z, y, x), end=(end, bottom, right))

    def whole_rows(self, planes: int) -> int:
        """Planes that are in blocks which lie within the first `planes`."""
        return planes - planes % self.block[0]


def halved_grid(shape: Shape, itemsize: int, settings: StackSettings, version: NgffVersion) -> VolumeGrid:
    """The grid of a volume whose levels are halved."""
    shapes = [shape]
    for step in halvings(shape):
        shapes.append(shrunk(shapes[-1], step))
    shards = shards_of(shape, itemsize, settings, version)
    return _grid(shapes, settings.chunks, shards, min(WITHIN, len(shapes) - 1))


def sized_grid(
    shapes: Sequence[Shape], itemsize: int, settings: StackSettings, version: NgffVersion
) -> VolumeGrid:
    """The grid of levels of given shapes, level 0 first."""
    return _grid(shapes, settings.chunks, shards_of(shapes[0], itemsize, settings, version), 0)


def unlabelled_grid(shape: Shape, chunks: Shape) -> VolumeGrid:
    """The grid of an image without labels and shards, whose levels are halved."""
    shapes = [shape]
    for step in halvings(shape):
        shapes.append(shrunk(shapes[-1], step))
    levels = tuple(_level(one, chunks, None) for one in shapes)
    return VolumeGrid(levels, (), min(WITHIN, len(shapes) - 1))


def _grid(shapes: Sequence[Shape], chunks: Shape, shards: Shape | None, within: int) -> VolumeGrid:
    image, labels = [], []
    for level, shape in enumerate(shapes):
        shard = shards if level == 0 or shards is None else _halved(shards, chunks)
        image.append(_level(shape, chunks, shard))
        # Labels hardly take room: of each file there are four in one, as long as that widens no block.
        wide = level < WITHIN
        label_chunks = _wider(chunks) if wide and shard is None else chunks
        labels.append(_level(shape, label_chunks, _wider(shard) if wide and shard is not None else shard))
    return VolumeGrid(tuple(image), tuple(labels), within)


def shards_of(shape: Shape, itemsize: int, settings: StackSettings, version: NgffVersion) -> Shape | None:
    """Voxels of level 0 that share a file; None: every chunk is one."""
    if not isinstance(settings.shards, str):
        return settings.shards
    chunks = settings.chunks
    layer = math.prod(-(-n // c) for n, c in zip(shape[1:], chunks[1:], strict=True))
    if settings.shards == "none" or version == "0.4" or layer <= MOST_LOOSE_CHUNKS:
        return None
    z, y, x = (c * n for c, n in zip(chunks, _SHARD_IN_CHUNKS, strict=True))
    while z * y * x * itemsize > SHARD_BYTES and y > chunks[1]:
        y //= 2
    return z, y, x


def parts_of(blocks: Sequence[Block], itemsize: int) -> tuple[tuple[Block, ...], ...]:
    """Blocks shared out among task runs: by bytes, never by workers, so that parts are always the same."""
    sizes = np.array([math.prod(block.shape) * itemsize for block in blocks], dtype=np.float64)
    if not sizes.size:
        return ()
    count = min(len(blocks), MOST_PARTS, max(1, math.ceil(sizes.sum() / PART_BYTES)))
    middles = np.cumsum(sizes) - sizes / 2
    number = np.minimum(count - 1, (middles / sizes.sum() * count).astype(int))
    parts = (tuple(b for b, n in zip(blocks, number, strict=True) if n == part) for part in range(count))
    return tuple(part for part in parts if part)


def _edges(n: int, step: int) -> list[int]:
    """Where blocks end along a side; a sliver at its end, which reads much for little, joins the last."""
    edges = [*range(0, n, step), n]
    return edges if len(edges) < 3 or n - edges[-2] > _SLIVER * step else [*edges[:-2], n]


def _level(shape: Shape, chunks: Shape, shards: Shape | None) -> LevelGrid:
    """Chunks no larger than the level; shards of no more of them than there are."""
    z, y, x = (min(c, n) for c, n in zip(chunks, shape, strict=True))
    if shards is None:
        return LevelGrid(shape=shape, chunks=(z, y, x))
    sz, sy, sx = (
        min(s // c * own, -(-n // own) * own)
        for s, c, own, n in zip(shards, chunks, (z, y, x), shape, strict=True)
    )
    return LevelGrid(shape=shape, chunks=(z, y, x), shards=(sz, sy, sx))


def _halved(shards: Shape, chunks: Shape) -> Shape:
    """Half as wide, where that is a whole number of chunks."""
    z, y, x = shards
    y, x = (s // 2 if s % (2 * c) == 0 else s for s, c in zip((y, x), chunks[1:], strict=True))
    return z, y, x


def _wider(shape: Shape) -> Shape:
    z, y, x = shape
    return z, 2 * y, 2 * x
