"""A chunk that unpacks to more than any chunk holds is refused before it fills the memory."""

from __future__ import annotations

import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import GzipCodec, ZstdCodec

from soct_core.errors import VolumeError
from soct_core.volume import header_checks, open_volume
from soct_core.volume.bounded_codecs import zstd_size
from soct_core.volume.writing import write_image

MOST, BOMB = 2**16, bytes(2**24)
V2 = ("gzip", "zlib", "bz2", "lzma", "lz4", "zstd")


def packed_image(folder: Path, codec: Any, version: int) -> Path:
    """A small image whose level 0 is packed with a codec."""
    image = folder / "slice_z00.ome.zarr"
    data = np.arange(2 * 8 * 8, dtype=np.uint16).reshape(2, 8, 8)
    write_image(image, data, (50.0, 25.0, 25.0), "0.4" if version == 2 else "0.5")
    shutil.rmtree(image / "0")
    names = {"dimension_names": ("z", "y", "x")} if version == 3 else {}
    zarr.create_array(
        image / "0", data=data, chunks=data.shape, compressors=codec, zarr_format=version, **names
    )
    assert (np.asarray(open_volume(image)[:]) == data).all()
    return image


@pytest.mark.parametrize(
    ("codec", "packer", "version"),
    [
        *((numcodecs.get_codec({"id": name}), name, 2) for name in V2),
        (GzipCodec(), "gzip", 3),
        (ZstdCodec(), "zstd", 3),
    ],
)
def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: Any, packer: str, version: int
) -> None:
    image = packed_image(tmp_path, codec, version)
    monkeypatch.setattr(header_checks, "MAX_CHUNK_BYTES", MOST)
    monkeypatch.setattr(header_checks, "MAX_HEADER_BYTES", MOST)  # so much is held while one is read
    (chunk,) = (p for p in (image / "0").rglob("*") if p.is_file() and "z" not in p.name)
    chunk.write_bytes(bytes(numcodecs.get_codec({"id": packer}).encode(BOMB)))
    tracemalloc.start()
    try:
        with pytest.raises(VolumeError, match=rf"slice_z00.*unpacks to more than {MOST}"):
            open_volume(image)[0]
        # LZMA has a dictionary of half as much.
        assert tracemalloc.get_traced_memory()[1] < 0.6 * len(BOMB)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_791, 65_792, 2**17])
def test_the_size_that_a_frame_claims(size: int) -> None:
    assert zstd_size(bytes(numcodecs.Zstd().encode(bytes(size)))) == size


def test_a_stream_that_was_cut_short_and_several_streams_in_one_chunk(tmp_path: Path) -> None:
    codec = numcodecs.get_codec({"id": "gzip"})
    one, two = codec.encode(b"one"), codec.encode(b"two")
    assert bytes(codec.decode(one + two)) == b"onetwo"
    with pytest.raises(ValueError, match="cut short"):
        codec.decode(one[:-3])
