"""Blosc chunks checked before they are unpacked.

C-Blosc 1 believes the sizes that a chunk claims: unpacking one that was cut short, as a full
disk or a killed copy leaves it, ends the process with a segmentation fault.
"""

from __future__ import annotations

from typing import Any

import numcodecs
import zarr
from numcodecs.compat import ensure_contiguous_ndarray
from zarr.codecs import BloscCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer

from soct_core.volume.header_checks import MAX_CHUNK_BYTES

_HEADER_BYTES = 16
"""Of the format of Blosc 1: every chunk begins with so many."""


class CheckedBlosc(numcodecs.Blosc):  # type: ignore[misc]
    """Blosc of zarr v2 that refuses a damaged chunk."""

    def decode(self, buf: Any, out: Any = None) -> Any:
        packed = ensure_contiguous_ndarray(buf).view("u1")
        refuse_damaged(packed[:_HEADER_BYTES].tobytes(), packed.size)
        return super().decode(buf, out)


class CheckedBloscCodec(BloscCodec):
    """Blosc of zarr v3 that refuses a damaged chunk."""

    def _decode_sync(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        refuse_damaged(bytes(chunk_bytes[:_HEADER_BYTES].to_bytes()), len(chunk_bytes))
        return super()._decode_sync(chunk_bytes, chunk_spec)


def refuse_damaged(header: bytes, length: int) -> None:
    """Hold the header of a chunk against the bytes that are there.

    Raises
    ------
    ValueError
    """
    if len(header) < _HEADER_BYTES:
        raise ValueError(f"a chunk of {length} bytes is damaged: it has no whole header")
    unpacked, block, packed = (int.from_bytes(header[at : at + 4], "little") for at in (4, 8, 12))
    if packed != length or unpacked > MAX_CHUNK_BYTES or (unpacked and not 0 < block <= unpacked):
        raise ValueError(f"a chunk of {length} bytes is damaged: it claims {packed}, and {unpacked} unpacked")


def use_checked_blosc() -> None:
    """Have zarr read Blosc chunks through these classes, in this process."""
    numcodecs.register_codec(CheckedBlosc)
    zarr.registry.register_codec("blosc", CheckedBloscCodec)
    zarr.config.set({"codecs.blosc": f"{__name__}.{CheckedBloscCodec.__name__}"})
