"""Levels of given voxel sizes, made from level 0 once it is whole: their voxels end where no block ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import zarr

from schemas.stack_plan import Block, LevelGrid, Shape
from soct_core.arrays import Zyx
from soct_core.volume.block_levels import LevelArrays, Slab
from soct_core.volume.downsampling import AreaMean
from soct_core.volume.level_grids import VolumeGrid

_SIDE = 256
"""Pixels of a coarser level, about, that are made at once."""


@dataclass(frozen=True)
class SizedLevel:
    """A level above level 0."""

    size_um: float
    factors: Zyx
    """How many times coarser than level 0."""
    shape: Shape


def sized_levels(shape: Shape, voxel_size_um: Zyx, sizes_um: Sequence[float]) -> list[SizedLevel]:
    """The levels of some voxel sizes, finest first; none twice, and none that is as fine as level 0."""
    found: dict[Zyx, SizedLevel] = {}
    for size in sorted(sizes_um):
        shrinker = AreaMean(shape, voxel_size_um, size, np.dtype(np.float32), False)
        if shrinker.factors != (1.0, 1.0, 1.0):
            found.setdefault(shrinker.factors, SizedLevel(size, shrinker.factors, shrinker.out_shape))
    return list(found.values())


def known_sized_planes(factors: Sequence[Zyx], kept_planes: int) -> list[int]:
    """Planes of each level that depend on nothing but so many of level 0."""
    return [kept_planes, *(int(kept_planes / factor[0] + 1e-9) for factor in factors[1:])]


def write_sized(
    arrays: LevelArrays,
    grid: VolumeGrid,
    sizes_um: tuple[Zyx, Sequence[float]],
    known: Sequence[int],
    former: LevelArrays | None,
) -> None:
    """Write all levels above level 0; `known` planes of each are those of `former`.

    `sizes_um` are the voxel size of level 0 and those of the levels above, as `sized_levels` gives them.
    """
    voxel, coarser = sizes_um
    for mine, theirs, grids, label in (
        (arrays.image, None if former is None else former.image, grid.image, False),
        (arrays.labels, None if former is None else former.labels, grid.labels, True),
    ):
        for level in range(1, len(grids)):
            old = None if theirs is None else theirs[level]
            make = partial(AreaMean, grid.image[0].shape, voxel, coarser[level - 1], mine[0].dtype, label)
            _write_level((mine[0], mine[level], old), grids[level], known[level], make)


def _write_level(
    arrays: tuple[zarr.Array[Any], zarr.Array[Any], zarr.Array[Any] | None],
    grid: LevelGrid,
    known: int,
    make: Callable[[int], AreaMean],
) -> None:
    base, mine, theirs = arrays
    depth, *unit = grid.unit
    first, factor = known - known % depth, make(0).factors[0]
    sides = [n * max(1, _SIDE // n) for n in unit]
    for y in range(0, grid.shape[1], sides[0]):
        for x in range(0, grid.shape[2], sides[1]):
            end = min(y + sides[0], grid.shape[1]), min(x + sides[1], grid.shape[2])
            rows, columns = range(y, end[0]), range(x, end[1])
            start = int(known * factor + 1e-9)
            shrinker = make(start).only(rows, columns)
            held = None if theirs is None else np.asarray(theirs[first:known, y : end[0], x : end[1]])
            slab = Slab(mine, depth, Block(first=(first, y, x), end=(grid.shape[0], *end)), held=held)
            _stream(base, shrinker, slab, (start, known), (y, x))


def _stream(
    base: zarr.Array[Any], shrinker: AreaMean, slab: Slab, start: tuple[int, int], corner: tuple[int, int]
) -> None:
    """Planes of level 0 from the first number of `start` on; what comes out counts from the second on."""
    z, known = start
    k = int(z / shrinker.factors[0] + 1e-9)
    step = base.chunks[0]
    while z < base.shape[0]:
        stop = min(base.shape[0], z - z % step + step)
        planes = list(shrinker.push(np.asarray(base[(slice(z, stop), *shrinker.source)])))
        z = stop
        if z == base.shape[0]:
            planes += list(shrinker.rest())
        for plane in planes:
            if k >= known:
                slab.put((k, *corner), plane[None])
                slab.reached(k + 1)
            k += 1
