"""Chunks that a file does not hold: writers may leave out what is all fill value, disks may lose it.

zarr reads both as the fill value without a word; `soct_core.volume.lost_chunks` tells which it was.
Chunks are those that are unpacked as one, whether each is a file or many share one (a shard).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ShardingCodec

from soct_core.errors import ReadError, VolumeError
from soct_core.storage.file_tree import files_below

ChunkGrid = NDArray[np.bool_]
"""One element per chunk, of as many axes as the array."""
_NOT_THERE = np.uint64(2**64 - 1)
"""Offset of a chunk that a shard does not hold (zarr v3, codec `sharding_indexed`)."""


def absent_chunks(array: zarr.Array[Any], root: Path) -> ChunkGrid | None:
    """Which chunks of an array `root`, its store, does not hold; None if it holds all.

    Lists directories; of shards it reads the index as well.

    Raises
    ------
    VolumeError
        If a chunk is a link to nothing, or a shard has no index.
    ReadError
        If the disk fails.
    """
    folder = root / array.path
    files = {Path(file).relative_to(folder).as_posix(): Path(file) for file in files_below(str(folder))}
    for file in files.values():
        if file.is_symlink() and not file.exists():
            raise VolumeError(f"{file}: is a link to nothing")
    steps = array.shards or array.chunks
    grid = tuple(-(-n // step) for n, step in zip(array.shape, steps, strict=True))
    absent = np.zeros(grid, dtype=bool)
    for place in np.ndindex(grid):
        absent[place] = chunk_key(array, place) not in files
    if array.shards is not None:
        absent = _within_shards(array, absent, folder)
    return absent if absent.any() else None


def chunk_key(array: zarr.Array[Any], place: tuple[int, ...]) -> str:
    """Path of the file of a chunk, or of a shard, within the folder of its array."""
    return str(array.metadata.encode_chunk_key(place))


def _within_shards(array: zarr.Array[Any], absent: ChunkGrid, folder: Path) -> ChunkGrid:
    """From absent shards to absent chunks."""
    assert array.shards is not None
    inner = tuple(shard // chunk for shard, chunk in zip(array.shards, array.chunks, strict=True))
    found = absent
    for axis, count in enumerate(inner):
        found = np.repeat(found, count, axis=axis)
    for shard in np.argwhere(~absent):
        held = _index(array, folder / chunk_key(array, tuple(shard)), inner)
        place = tuple(slice(i * n, (i + 1) * n) for i, n in zip(shard, inner, strict=True))
        found[place] = held == _NOT_THERE
    chunks = (-(-n // step) for n, step in zip(array.shape, array.chunks, strict=True))
    return found[tuple(slice(n) for n in chunks)]


def _index(array: zarr.Array[Any], file: Path, inner: tuple[int, ...]) -> NDArray[np.uint64]:
    """Where in a shard each of its chunks begins, from its index (two numbers a chunk, 8 bytes each)."""
    metadata: Any = array.metadata
    codec = next(c for c in metadata.codecs if isinstance(c, ShardingCodec))
    endian = next((getattr(c, "endian", None) for c in codec.index_codecs), None)
    order = ">" if getattr(endian, "value", "little") == "big" else "<"
    checksum = 4 * sum("crc32c" in type(c).__name__.lower() for c in codec.index_codecs)
    size = 16 * int(np.prod(inner))
    at_start = codec.index_location.value == "start"
    try:
        with file.open("rb") as stream:
            stream.seek(0, 0 if at_start else 2)
            if not at_start:
                stream.seek(max(0, stream.tell() - size - checksum))
            data = stream.read(size)
    except OSError as error:
        raise ReadError(f"{file}: cannot be read: {error.strerror or error}") from error
    if len(data) < size:
        raise VolumeError(f"{file}: holds {len(data)} bytes of its index, wanted {size}: it was cut short")
    return np.frombuffer(data, dtype=f"{order}u8").reshape(*inner, 2)[..., 0]
