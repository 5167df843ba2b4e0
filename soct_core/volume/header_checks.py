"""Headers of a store, judged before zarr acts on them: sizes, codecs, types, places.

Zarr believes what metadata claims: it would look up any codec by name, unpickling among them,
follow a level's path out of the image, and plan for any number of voxels.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.small_file import read_small
from soct_core.errors import VolumeError, unreadable
from soct_core.storage.safe_paths import is_within

# Limits, all chosen by hand: far above any volume of this kind; claims beyond them are taken for false.
MAX_HEADER_BYTES = 2**24
MAX_AXIS = 2**24
MAX_VOXELS = 2**39
MAX_PLANE_PIXELS = 2**30
MAX_CHUNK_BYTES = 2**31
"""More than any codec packs as one."""
MAX_CHUNKS_PER_PLANE = 2**20
MAX_CHUNKS = 2**23
"""Chunks that are not stored are looked for one by one."""

_HEADERS = ("zarr.json", ".zgroup", ".zattrs", ".zarray")
_TYPE_V2 = re.compile(r"[<>|=]?([uif])([1248])", re.ASCII)
_TYPE_V3 = re.compile(r"(u?int|float)(8|16|32|64)", re.ASCII)
_WANTED_TYPE = "a real number type of 8 to 64 bits"
_COMPRESSORS = {"blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd"}
_FILTERS = {"astype", "bitround", "delta", "fixedscaleoffset", "packbits", "quantize", "shuffle"}
_CHECKSUMS = {"adler32", "crc32", "crc32c", "fletcher32", "jenkins_lookup3"}
CODECS_V2 = frozenset(_COMPRESSORS | _FILTERS | _CHECKSUMS)
CODECS_V3 = frozenset(
    {"blosc", "bytes", "crc32c", "gzip", "sharding_indexed", "transpose", "zstd"}
    | {f"numcodecs.{name}" for name in CODECS_V2}
)


def check_group(path: Path) -> None:
    """Check that the headers of an image are small, well-formed JSON objects.

    Raises
    ------
    VolumeError
    """
    for name in _HEADERS:
        if (path / name).is_symlink() or (path / name).exists():
            _read_header(path / name, path)


def check_level(path: Path, level: str) -> None:
    """Check where a level lies, and what its header claims.

    Raises
    ------
    VolumeError
        If the level lies outside of the image, or its shape, chunks, type or codecs cannot be
        those of a slice.
    """
    if not is_within(path, level):
        raise VolumeError(f"{path}: level {level[:80]!r} lies outside of the image")
    if (path / level / "zarr.json").exists():
        _check_v3(_read_header(path / level / "zarr.json", path), path)
    elif (path / level / ".zarray").exists():
        check_group(path / level)
        _check_v2(_read_header(path / level / ".zarray", path), path)
    else:
        raise VolumeError(f"{path}: level {level[:80]!r} cannot be opened: there is no array")


def _read_header(file: Path, path: Path) -> Mapping[str, Any]:
    if path.resolve() not in file.resolve().parents:
        raise VolumeError(f"{file}: leads out of the image")
    try:
        header = json.loads(read_small(file, MAX_HEADER_BYTES))
    except OSError as error:
        raise unreadable(file, error, VolumeError) from error
    except (ValueError, RecursionError) as error:
        raise VolumeError(f"{path}: is not a readable zarr group: {file.name}: {error}") from error
    if not isinstance(header, dict):
        raise VolumeError(f"{path}: is not a readable zarr group: {file.name} holds no JSON object")
    return header


def _check_v2(header: Mapping[str, Any], path: Path) -> None:
    item = _item_bytes(header.get("dtype"), _TYPE_V2, 1, path)
    _check_sizes(_shape(header.get("shape"), "shape", path), header.get("chunks"), item, path)
    filters = header.get("filters")
    if not isinstance(filters, list | None):
        raise VolumeError(f"{path}: filters {str(filters)[:80]!r}, wanted a list")
    for codec in (header.get("compressor"), *(filters or ())):
        if codec is not None:
            _check_codec(codec, "id", CODECS_V2, path)


def _check_v3(header: Mapping[str, Any], path: Path) -> None:
    item = _item_bytes(header.get("data_type"), _TYPE_V3, 8, path)
    grid, codecs = header.get("chunk_grid"), header.get("codecs")
    if not isinstance(grid, dict) or grid.get("name") != "regular":
        raise VolumeError(f"{path}: chunk grid {str(grid)[:80]!r}, wanted a regular one")
    chunks = _part(grid.get("configuration"), "chunk_shape")
    if inner := _checked_codecs(codecs, path):
        # The shard is a file; what is unpacked as one is the chunk within it.
        _shape(chunks, "shards", path)
        chunks = inner
    _check_sizes(_shape(header.get("shape"), "shape", path), chunks, item, path)


def _checked_codecs(codecs: object, path: Path, *, nested: bool = False) -> object:
    """Check all codecs; returns the shape of the chunks within shards, if there are shards."""
    if not isinstance(codecs, list):
        raise VolumeError(f"{path}: codecs {str(codecs)[:80]!r}, wanted a list")
    inner = None
    for codec in codecs:
        name = _check_codec(codec, "name", CODECS_V3, path)
        if name == "sharding_indexed":
            if nested:
                raise VolumeError(f"{path}: shards within shards, wanted one level of them")
            within = codec.get("configuration")
            inner = _part(within, "chunk_shape")
            for part in ("codecs", "index_codecs"):
                _checked_codecs(_part(within, part) or [], path, nested=True)
    return inner


def _check_codec(codec: object, key: str, allowed: frozenset[str], path: Path) -> str:
    name = codec.get(key) if isinstance(codec, dict) else codec
    if not isinstance(name, str) or name not in allowed:
        raise VolumeError(f"{path}: codec {str(name)[:80]!r}, wanted one of {', '.join(sorted(allowed))}")
    return name


def _check_sizes(shape: tuple[int, ...], chunk_shape: object, item: int, path: Path) -> None:
    chunks = _shape(chunk_shape, "chunks", path)
    if len(chunks) != len(shape):
        raise VolumeError(f"{path}: chunks {chunks} for shape {shape}, wanted as many axes")
    planes = tuple(zip(shape, chunks, strict=True))[-2:]
    pixels = math.prod(n for n, _ in planes)
    per_plane = math.prod(-(-n // chunk) for n, chunk in planes)
    count = math.prod(-(-n // chunk) for n, chunk in zip(shape, chunks, strict=True))
    for seen, most, what in (
        (math.prod(shape), MAX_VOXELS, "voxels"),
        (pixels, MAX_PLANE_PIXELS, "pixels a plane"),
        (math.prod(chunks) * item, MAX_CHUNK_BYTES, "bytes a chunk"),
        (per_plane, MAX_CHUNKS_PER_PLANE, "chunks a plane"),
        (count, MAX_CHUNKS, "chunks"),
    ):
        if seen > most:
            raise VolumeError(
                f"{path}: shape {shape} in chunks of {chunks} claims {seen} {what}, wanted {most} at most"
            )


def _shape(value: object, what: str, path: Path) -> tuple[int, ...]:
    found = tuple(value) if isinstance(value, list) else ()
    if not 3 <= len(found) <= 5 or not all(type(n) is int and 1 <= n <= MAX_AXIS for n in found):
        shown = str(found if isinstance(value, list) else value)[:80]
        raise VolumeError(f"{path}: {what} {shown}, wanted 1 to {MAX_AXIS} along each axis")
    return found


def _item_bytes(value: object, pattern: re.Pattern[str], bits: int, path: Path) -> int:
    match = pattern.fullmatch(value) if isinstance(value, str) else None
    if match is None or (match[1] in ("f", "float") and int(match[2]) == bits):
        raise VolumeError(f"{path}: dtype {str(value)[:80]}, wanted {_WANTED_TYPE}")
    return int(match[2]) // bits


def _part(mapping: object, key: str) -> object:
    return mapping.get(key) if isinstance(mapping, dict) else None
