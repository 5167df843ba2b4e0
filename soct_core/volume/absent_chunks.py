"""Chunks that a file does not hold: writers may leave out what is all fill value, disks may lose it.

zarr reads both as the fill value without a word. Which of the two it was cannot be told, and either
way nothing stored says that anything was measured there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from soct_core.arrays import Mask
from soct_core.storage.file_tree import files_below

Chunk = tuple[int, ...]


def absent_chunks(array: zarr.Array[Any], root: Path) -> frozenset[Chunk]:
    """Grid positions of the chunks (or shards) of an array that `root`, its store, does not hold.

    Lists directories only. What is left out within a shard is not seen.
    """
    folder = root / array.path
    names = {Path(file).relative_to(folder).as_posix() for file in files_below(str(folder))}
    return frozenset(chunk for chunk in _grid(array) if _key(array, chunk) not in names)


class StoredMask:
    """A lazy (z, y, x) mask, true where the file holds a chunk; slices like the volume."""

    def __init__(
        self, shape: tuple[int, int, int], chunks: tuple[int, int, int], absent: Collection[Chunk]
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(bool)
        self._chunks, self._absent = chunks, absent

    def __getitem__(self, index: Any) -> Mask:
        z, y, x = _in_full(index)
        planes = np.arange(self.shape[0])[z]
        masks = [self._plane(int(plane)) for plane in np.atleast_1d(planes)]
        mask = np.stack(masks) if masks else np.empty((0, *self.shape[1:]), dtype=bool)
        mask = mask[0] if np.ndim(planes) == 0 else mask
        # The rows first: an integer takes an axis away.
        found: Mask = mask[..., y, :][..., x]
        return found

    def _plane(self, z: int) -> Mask:
        mask = np.ones(self.shape[1:], dtype=bool)
        depth, height, width = self._chunks
        for cz, cy, cx in self._absent:
            if cz == z // depth:
                mask[cy * height : (cy + 1) * height, cx * width : (cx + 1) * width] = False
        return mask


def _in_full(index: Any) -> tuple[Any, ...]:
    """An index of (z, y, x) with all three of its parts."""
    parts = list(index) if isinstance(index, tuple) else [index]
    at = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    given = [part for part in parts if part is not Ellipsis]
    return (*given[:at], *[slice(None)] * (3 - len(given)), *given[at:])


def _grid(array: zarr.Array[Any]) -> Iterator[Chunk]:
    steps = array.shards or array.chunks
    return np.ndindex(*(-(-n // step) for n, step in zip(array.shape, steps, strict=True)))


def _key(array: zarr.Array[Any], chunk: Chunk) -> str:
    return str(array.metadata.encode_chunk_key(chunk))
