"""Chunks that unpack to more than any chunk holds: refused before they fill the memory.

A few kilobytes can claim to be gigabytes. Blosc has its own check (`soct_core.volume.checked_blosc`).
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from functools import cached_property
from typing import Any, Protocol

import numcodecs
import zarr
from numcodecs.compat import ensure_bytes, ndarray_copy
from zarr.codecs import GzipCodec, ZstdCodec

from soct_core.volume import header_checks

_ZSTD_SIZES = {0: 0, 1: 2, 2: 4, 3: 8}
"""Bytes of the size in the header of a frame, by the two bits that say so (RFC 8878, 3.1.1.1)."""


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def unpacked(new: Callable[[], _Unpacker], data: bytes) -> bytes:
    """All streams of a chunk, one behind the other, up to the most that a chunk may hold.

    Raises
    ------
    ValueError
        If it holds more, or was cut short.
    """
    parts: list[bytes] = []
    left = header_checks.MAX_CHUNK_BYTES
    while data:
        stream = new()
        parts.append(stream.decompress(data, left + 1))
        left -= len(parts[-1])
        refuse_beyond(header_checks.MAX_CHUNK_BYTES - left, len(data))
        if not stream.eof:
            raise ValueError(f"a chunk of {len(data)} bytes is damaged: it was cut short")
        data = stream.unused_data.lstrip(b"\0")
    return b"".join(parts)


def refuse_beyond(size: int, packed: int) -> None:
    """Refuse a chunk that unpacks to so many bytes, if they are too many.

    Raises
    ------
    ValueError
    """
    most = header_checks.MAX_CHUNK_BYTES
    if size > most:
        raise ValueError(f"a chunk of {packed} bytes unpacks to more than {most}, the most that is taken")


def zstd_size(frame: bytes) -> int:
    """The unpacked size that a frame of Zstandard claims; 0 where it claims none."""
    if len(frame) < 6:
        return 0
    one = frame[4] & 0x20
    wide = _ZSTD_SIZES[frame[4] >> 6] or (1 if one else 0)
    start = 5 + (0 if one else 1) + (0, 1, 2, 4)[frame[4] & 3]
    size = int.from_bytes(frame[start : start + wide], "little")
    return size + 256 if wide == 2 else size


class BoundedGZip(numcodecs.GZip):  # type: ignore[misc]
    """gzip, of any format of zarr."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        return ndarray_copy(unpacked(lambda: zlib.decompressobj(31), ensure_bytes(buf)), out)


class BoundedZlib(numcodecs.Zlib):  # type: ignore[misc]
    """zlib, of zarr v2."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        return ndarray_copy(unpacked(zlib.decompressobj, ensure_bytes(buf)), out)


class BoundedBZ2(numcodecs.BZ2):  # type: ignore[misc]
    """bzip2, of zarr v2."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        return ndarray_copy(unpacked(bz2.BZ2Decompressor, ensure_bytes(buf)), out)


class BoundedLZMA(numcodecs.LZMA):  # type: ignore[misc]
    """LZMA, of zarr v2."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        raw = self.filters if self.format == lzma.FORMAT_RAW else None
        kind = self.format if self.format == lzma.FORMAT_RAW else lzma.FORMAT_AUTO
        data = ensure_bytes(buf)
        return ndarray_copy(unpacked(lambda: lzma.LZMADecompressor(kind, filters=raw), data), out)


class BoundedLZ4(numcodecs.LZ4):  # type: ignore[misc]
    """LZ4, of zarr v2, whose chunks begin with their size."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        data = ensure_bytes(buf)
        refuse_beyond(int.from_bytes(data[:4], "little"), len(data))
        return super().decode(data, out)


class BoundedZstd(numcodecs.Zstd):  # type: ignore[misc]
    """Zstandard, of any format of zarr; frames that claim no size are unpacked as they are."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        data = ensure_bytes(buf)
        refuse_beyond(zstd_size(data[:18]), len(data))
        return super().decode(data, out)


class BoundedGzipCodec(GzipCodec):
    """gzip of zarr v3."""

    @cached_property
    def _gzip_codec(self) -> BoundedGZip:
        return BoundedGZip(self.level)


class BoundedZstdCodec(ZstdCodec):
    """Zstandard of zarr v3."""

    @cached_property
    def _zstd_codec(self) -> BoundedZstd:
        return BoundedZstd(level=self.level, checksum=self.checksum)


def use_bounded_codecs() -> None:
    """Have zarr read chunks through these classes, in this process."""
    for codec in (BoundedGZip, BoundedZlib, BoundedBZ2, BoundedLZMA, BoundedLZ4, BoundedZstd):
        numcodecs.register_codec(codec)
    for name, of_v3 in (("gzip", BoundedGzipCodec), ("zstd", BoundedZstdCodec)):
        zarr.registry.register_codec(name, of_v3)
        zarr.config.set({f"codecs.{name}": f"{__name__}.{of_v3.__name__}"})
