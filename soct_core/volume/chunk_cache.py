"""Chunks of volumes that were unpacked a moment ago, so that boxes side by side do not unpack them again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.arrays import Sliceable
from soct_core.volume.reading import Volume

CACHE_BYTES = 96 * 2**20
"""Chosen by measurement: two layers of chunks of 8x512x512 float32 around a box of 512 px fit in."""
_PLANES_BYTES, _LAYERS = 128 * 2**20, 4
"""Chunks of whole planes stay unpacked where so many layers of them find room, as of 8x1024x1024 float32
they do; of larger planes the first would be gone before they are wanted again."""
_READ_DEPTH = 8
"""Planes of a chunk where a volume names none: as deep as the chunks that this program writes."""


class ChunkCache:
    """Boxes of volumes, (z, y, x); what it holds is bounded, but for the last chunk of each volume in use."""

    def __init__(self, most_bytes: int = CACHE_BYTES) -> None:
        self._most = most_bytes
        self._held: OrderedDict[tuple[int, int, int, int], NDArray[Any]] = OrderedDict()
        self._bytes = 0

    def box(self, volume: Sliceable, box: tuple[slice, slice, slice]) -> NDArray[Any]:
        """A box of a volume; not to be written to."""
        if isinstance(volume, np.ndarray):
            return np.asarray(volume[box])
        steps = _steps(volume)
        ranges = [
            range(part.start // step, -(-part.stop // step)) for part, step in zip(box, steps, strict=True)
        ]
        shape = tuple(part.stop - part.start for part in box)
        out = None
        for place in product(*ranges):
            chunk = self._chunk(volume, place, steps)
            low = [max(part.start, i * step) for part, i, step in zip(box, place, steps, strict=True)]
            high = [
                min(part.stop, i * step + n)
                for part, i, step, n in zip(box, place, steps, chunk.shape, strict=True)
            ]
            within = chunk[
                tuple(slice(a - i * s, b - i * s) for a, b, i, s in zip(low, high, place, steps, strict=True))
            ]
            if within.shape == shape:
                return within
            if out is None:
                out = np.empty(shape, dtype=chunk.dtype)
            out[tuple(slice(a - p.start, b - p.start) for a, b, p in zip(low, high, box, strict=True))] = (
                within
            )
        return np.empty(shape, dtype=volume.dtype) if out is None else out

    def keep_only(self, volumes: Collection[Sliceable]) -> None:
        """Forget all chunks of other volumes."""
        kept = {id(volume) for volume in volumes}
        for key in [key for key in self._held if key[0] not in kept]:
            self._bytes -= self._held.pop(key).nbytes

    def _chunk(self, volume: Sliceable, place: tuple[int, ...], steps: tuple[int, ...]) -> NDArray[Any]:
        z, y, x = place
        key = id(volume), z, y, x
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        where = tuple(
            slice(i * step, min(n, (i + 1) * step))
            for i, step, n in zip(place, steps, volume.shape, strict=True)
        )
        size = int(np.prod([part.stop - part.start for part in where])) * np.dtype(volume.dtype).itemsize
        self._make_room(size, key[0])
        chunk = np.asarray(volume[where])
        self._held[key] = chunk
        self._bytes += chunk.nbytes
        return chunk

    def _make_room(self, size: int, volume: int) -> None:
        """Forget the chunks used longest ago, before the next one is read.

        The last chunk of another volume stays: where two slices cross over, both may have huge ones.
        """
        last = {key[0]: key for key in self._held if key[0] != volume}
        for key in list(self._held):
            if self._bytes + size <= self._most:
                return
            if last.get(key[0]) != key:
                self._bytes -= self._held.pop(key).nbytes


def _steps(volume: Sliceable) -> tuple[int, ...]:
    chunks = getattr(volume, "chunks", None) or (_READ_DEPTH,)
    depth = max(1, int(chunks[0]))
    return (depth, *chunks[1:]) if len(chunks) == 3 else (depth, *volume.shape[1:])


class CachedVolume:
    """A volume on disk, (z, y, x), of whose chunks those used last stay unpacked.

    Whoever looks at the same few planes again and again, each time for another purpose, unpacks them once.
    What it gives is not to be written to.
    """

    def __init__(self, volume: Volume, cache: ChunkCache) -> None:
        self.shape, self.dtype, self.chunks = volume.shape, volume.dtype, volume.chunks
        self.voxel_size_um = volume.voxel_size_um
        self._volume, self._cache = volume, cache

    @property
    def imaged(self) -> Sliceable:
        """Lazy mask of what was imaged."""
        return self._volume.imaged

    def __getitem__(self, index: Any) -> NDArray[Any]:
        parts = index if isinstance(index, tuple) else (index,)
        if any(part is Ellipsis for part in parts):
            return np.asarray(self._volume[index])
        wanted = [range(size)[part] for part, size in zip(parts, self.shape, strict=False)]
        wanted += [range(size) for size in self.shape[len(parts) :]]
        box, left = zip(*map(_bounds, wanted), strict=True)
        if any(part.start >= part.stop for part in box):
            return np.asarray(self._volume[index])
        values = self._cache.box(self._volume, box)
        if box[1:] == (slice(0, self.shape[1]), slice(0, self.shape[2])):
            self._volume.see_planes(values)
        values = values[left]
        values.flags.writeable = False
        return values


def unpacked_once(*volumes: Volume) -> list[CachedVolume]:
    """Volumes of whose planes the same few are looked at for many purposes: unpacked once, if small."""
    layers = [prod(volume.shape[1:]) * volume.chunks[0] * volume.dtype.itemsize for volume in volumes]
    cache = ChunkCache(_PLANES_BYTES if max(layers) * _LAYERS <= _PLANES_BYTES else 0)
    return [CachedVolume(volume, cache) for volume in volumes]


def _bounds(wanted: int | range) -> tuple[slice, int | slice]:
    """The least box along an axis that holds what is wanted, and where that lies in it."""
    if isinstance(wanted, int):
        return slice(wanted, wanted + 1), 0
    if not wanted:
        return slice(0, 0), slice(0, 0)
    low, high = min(wanted[0], wanted[-1]), max(wanted[0], wanted[-1]) + 1
    return slice(low, high), slice(None, None, wanted.step)
