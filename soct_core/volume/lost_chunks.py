"""Lost chunks, told from those that a writer left out because they hold nothing but the fill value.

A chunk of nothing lies where tissue has come to its end: towards it, tissue runs out. A lost chunk
cuts tissue off: at its border as much is left as further away from it. Of a volume with noise in
its background every absent chunk was lost, by the same rule.

Measured on four masked volumes (mouse brain by two-photon, mouse brain by MRI, iguana by CT, bananas
by MRI; masks at 3, 10 and 20 % of the brightest tissue) in chunks of 16 to 64 px: see docs/faults.md.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from soct_core.arrays import Mask
from soct_core.volume.absent_chunks import ChunkGrid

CUT_SHARE = 0.25
"""Of a chunk's side: so much of it must hold data next to an absent chunk, or nothing is cut off there."""
CUT_RATIO = 0.7
"""Of the data at the border to those 3 voxels behind it. Where a round object ends just at the border, the
ratio is 0.5 at most; where it is cut 3 voxels or more before its end, 0.7 at least."""
_FULL_SHARE = 0.9
"""As `CUT_SHARE`, for want of voxels behind the border. Chosen by hand."""
_LEAST_VOXELS = 12
"""Less data may end at a border by chance, where chunks are small. Chosen by hand."""
_BEHIND = 3
"""Voxels; see `CUT_RATIO`."""

Layer = Callable[[int], Mask]
"""Of a layer of chunks, where its planes hold something else than the fill value, (z, y, x)."""


def lost_chunks(
    absent: ChunkGrid, layer: Layer, shape: tuple[int, ...], chunks: tuple[int, ...]
) -> ChunkGrid:
    """Which of the absent chunks were lost; a grid along (z, y, x), as `absent`.

    A chunk that borders on no chunk that is there goes by the nearest one that does. If no chunk is there
    at all, all were lost.

    Parameters
    ----------
    layer
        Called for ascending layers; only layers in which, or next to which, a chunk is absent are read.
    shape, chunks
        Of the array, in voxels along (z, y, x).
    """
    if absent.all():
        return absent
    kept = lru_cache(maxsize=2 + 2 * -(-(_BEHIND + 1) // chunks[0]))(layer)
    cut = np.zeros_like(absent)
    for k, missing in enumerate(absent):
        if missing.any() and not missing.all():
            cut[k] |= _cut_in_plane(missing, kept(k), chunks[1:])
        if k and (missing ^ absent[k - 1]).any():
            cut[k - 1 : k + 1] |= _cut_in_z(absent[k - 1 : k + 1], kept, k * chunks[0], shape, chunks)
    cross = ndimage.generate_binary_structure(3, 1)
    decided = absent & ndimage.binary_dilation(~absent, cross)
    to_lost = ndimage.distance_transform_cdt(~cut, "taxicab") if cut.any() else np.full(cut.shape, np.inf)
    rest = decided & ~cut
    to_rest = ndimage.distance_transform_cdt(~rest, "taxicab") if rest.any() else np.full(cut.shape, np.inf)
    return cut | (absent & ~decided & (to_lost < to_rest))


def _cut_in_plane(missing: Mask, used: Mask, chunks: tuple[int, ...]) -> Mask:
    """Absent chunks of a layer that cut off what lies beside them in the layer."""
    cut = np.zeros_like(missing)
    for axis in (0, 1):
        # With the axis that is crossed first, rows of chunks lie one behind another.
        across, along = chunks[axis], chunks[1 - axis]
        lines = np.moveaxis(used, 1 + axis, 0)
        gone = np.moveaxis(missing, axis, 0)
        found = np.moveaxis(cut, axis, 0)
        for row in range(1, len(gone)):
            border = row * across
            for there, near, step in ((row, border, 1), (row - 1, border - 1, -1)):
                suspects = gone[2 * row - 1 - there] & ~gone[there]
                if suspects.any():
                    size = _per_chunk(np.full(lines.shape[2], lines.shape[1]), along)
                    at = _per_chunk(lines[near].sum(axis=0), along)
                    far = near + step * _BEHIND
                    behind = _per_chunk(lines[far].sum(axis=0), along) if 0 <= far < len(lines) else None
                    found[2 * row - 1 - there] |= suspects & _is_cut(at, behind, size)
    return cut


def _cut_in_z(
    missing: Mask, layer: Layer, border: int, shape: tuple[int, ...], chunks: tuple[int, ...]
) -> Mask:
    """Absent chunks of two layers that cut off what lies in the other; `border` is the lower's first plane.

    Only those that no chunk of their own layer can tell of: a flat end of a brain is wider than a chunk, so
    it is seen over all of them together.
    """
    cut = np.zeros_like(missing)
    depth, height, width = chunks
    size = _per_tile(np.ones(shape[1:], dtype=bool), height, width)
    for there, near, step in ((1, border, 1), (0, border - 1, -1)):
        alone = ~ndimage.binary_dilation(~missing[1 - there])
        suspects = alone & ~missing[there]
        if suspects.any():
            at = _per_tile(layer(near // depth)[near % depth], height, width)
            far, behind = near + step * _BEHIND, None
            if 0 <= far < shape[0]:
                behind = _per_tile(layer(far // depth)[far % depth], height, width)
                regions, count = ndimage.label(suspects)
                sums = (ndimage.sum_labels(counts, regions, range(count + 1)) for counts in (at, behind))
                behind = _spread(*sums)[regions] * at
            cut[1 - there] = suspects & _is_cut(at, behind, size)
    return cut


def _spread(near: NDArray[Any], behind: NDArray[Any]) -> NDArray[np.float64]:
    """How many times as much data lies behind as near, by region; where none is near, any number serves."""
    return np.asarray(np.divide(behind, near, out=np.ones(len(near)), where=near > 0))


def _is_cut(near: NDArray[Any], behind: NDArray[Any] | None, size: NDArray[Any]) -> Mask:
    if behind is None:
        # At the edge of the slice nothing shows how tissue runs out: only a full side is cut off.
        return np.asarray(near >= _FULL_SHARE * size)
    least = np.maximum(CUT_SHARE * size, np.minimum(_LEAST_VOXELS, size))
    return np.asarray((near >= least) & (near >= CUT_RATIO * behind))


def _per_chunk(counts: NDArray[Any], step: int) -> NDArray[Any]:
    return np.asarray(np.add.reduceat(counts, np.arange(0, len(counts), step)))


def _per_tile(plane: Mask, height: int, width: int) -> NDArray[Any]:
    rows = np.add.reduceat(plane, np.arange(0, plane.shape[0], height), axis=0, dtype=np.int64)
    return np.asarray(np.add.reduceat(rows, np.arange(0, plane.shape[1], width), axis=1))
