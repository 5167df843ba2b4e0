"""Multiscale pyramids: how the levels shrink, and local means by two without big temporaries."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.arrays import Zyx
from soct_core.volume.provenance import distrust_rank, label_of_rank

Factors = tuple[int, int, int]
Shape = tuple[int, int, int]
MIN_LEVEL_PX = 100
"""Side of the coarsest level, about, as the contract has it (SPEC section 11)."""


def halvings(shape: Shape, min_px: int = MIN_LEVEL_PX) -> Iterator[Factors]:
    """Factors from one level to the next, (z, y, x), until the planes are about `min_px`.

    An axis of one voxel is not halved: a voxel must not claim room that was never imaged.
    """
    current = shape
    while max(current[1:]) >= 2 * min_px:
        factors = (2 if current[0] > 1 else 1, 2 if current[1] > 1 else 1, 2 if current[2] > 1 else 1)
        yield factors
        current = shrunk(current, factors)


def shrunk(shape: Shape, factors: Factors) -> Shape:
    """Shape one level up: rounded up, so that no voxel is lost at an odd edge."""
    z, y, x = (-(-n // f) for n, f in zip(shape, factors, strict=True))
    return z, y, x


def level_transform(voxel_size_um: Zyx, origin_um: Zyx, total: Zyx | Factors) -> tuple[Zyx, Zyx]:
    """Scale and translation, in µm, of a level that is `total` times coarser than level 0.

    The centre of a coarse voxel is the mean of the centres under it.
    """
    z, y, x = (v * f for v, f in zip(voxel_size_um, total, strict=True))
    oz, oy, ox = (o + v * (f - 1) / 2 for o, v, f in zip(origin_um, voxel_size_um, total, strict=True))
    return (z, y, x), (oz, oy, ox)


def local_mean(block: NDArray[Any], factors: Factors) -> NDArray[Any]:
    """Mean over boxes of `factors` voxels, (z, y, x); edges repeat; integers round half up.

    Voxels that are not finite have no weight; a box of nothing else is NaN.
    """
    wide = _wide(block.dtype)
    count = int(np.prod(factors))
    if block.dtype.kind in "ui" and block.dtype == wide:
        return _mean_of_widest(block, factors, count)
    with np.errstate(invalid="ignore", over="ignore"):
        total = _box_sums(block, factors, wide)
    if block.dtype.kind == "f":
        mean = np.asarray(total * wide.type(1 / count), dtype=block.dtype)
        return mean if np.isfinite(mean).all() else _mean_of_finite(block, factors, wide)
    shift = count.bit_length() - 1
    return np.asarray((total + (count >> 1)) >> shift, dtype=block.dtype)


def _mean_of_widest(block: NDArray[Any], factors: Factors, count: int) -> NDArray[Any]:
    """As `local_mean`, of integers that no wider ones hold the sums of: quotients and rests apart."""
    shift = block.dtype.type(count.bit_length() - 1)
    quotients = _box_sums(block >> shift, factors, block.dtype)
    rests = _box_sums(block & block.dtype.type(count - 1), factors, block.dtype)
    mean: NDArray[Any] = quotients + ((rests + block.dtype.type(count >> 1)) >> shift)
    return mean


def _box_sums(block: NDArray[Any], factors: Factors, wide: np.dtype[Any]) -> NDArray[Any]:
    total = block
    for axis, factor in enumerate(factors):
        if factor == 2:
            even, odd = _even_and_odd(total, axis)
            total = np.add(even, odd, dtype=wide)
    return total


def _mean_of_finite(block: NDArray[Any], factors: Factors, wide: np.dtype[Any]) -> NDArray[Any]:
    finite = np.isfinite(block)
    kept = np.where(finite, block, 0)
    count = _box_sums(finite.astype(wide), factors, wide)
    with np.errstate(over="ignore", invalid="ignore"):
        total = _box_sums(kept, factors, wide)
        mean = np.divide(total, count, out=np.full(count.shape, np.nan, dtype=wide), where=count > 0)
        over = ~np.isfinite(mean) & (count > 0)
        if over.any():
            # The sum of some numbers near the largest is none; that of their eighths is.
            most = int(np.prod(factors))
            scaled = _box_sums(kept / wide.type(most), factors, wide)
            limit = np.finfo(wide).max
            mean[over] = np.clip(scaled[over] * (most / count[over]), -limit, limit)
    return np.asarray(mean, dtype=block.dtype)


def local_least_trusted(block: NDArray[np.uint8], factors: Factors) -> NDArray[np.uint8]:
    """The least trusted provenance label in each box: interpolated, then gap, blend, measured."""
    first = block[:1, :1, :1]
    if block.size and (block == first).all():
        # Nearly everywhere: boxes of one slice.
        return np.full(
            [-(-n // f) for n, f in zip(block.shape, factors, strict=True)], first.item(), np.uint8
        )
    worst = distrust_rank(block)
    for axis, factor in enumerate(factors):
        if factor == 2:
            even, odd = _even_and_odd(worst, axis)
            worst = np.maximum(even, odd)
    return label_of_rank(worst)


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind == "f":
        return np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)
    sizes = {1: 2, 2: 4, 4: 8, 8: 8}
    return np.dtype(f"{dtype.kind}{sizes[dtype.itemsize]}")


def _even_and_odd(block: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    if block.shape[axis] % 2:
        edge = np.take(block, [-1], axis=axis)
        block = np.concatenate([block, edge], axis=axis)
    at = (slice(None),) * axis
    return block[(*at, slice(0, None, 2))], block[(*at, slice(1, None, 2))]
