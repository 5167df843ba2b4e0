"""A volume whose chunks stay unpacked slices like itself, and unpacks none twice in a while."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from stored_image import stored_image

from soct_core.volume import open_volume
from soct_core.volume.chunk_cache import CachedVolume, ChunkCache

DATA = np.random.default_rng(0).integers(1, 999, (10, 12, 14)).astype(np.uint16)


@pytest.mark.parametrize(
    "index",
    [
        3,
        -1,
        slice(2, 7),
        slice(7, 2, -2),
        slice(3, 3),
        (2, slice(1, 9)),
        (slice(None), 4),
        (slice(1, 5), slice(2, 9, 3), -2),
        ...,
    ],
)
def test_a_cached_volume_slices_like_its_voxels(tmp_path: Path, index: Any) -> None:
    volume = open_volume(stored_image(tmp_path / "a.ome.zarr", DATA))
    cached = CachedVolume(volume, ChunkCache())
    np.testing.assert_array_equal(cached[index], DATA[index])
    assert (cached.shape, cached.dtype) == (volume.shape, volume.dtype)
    assert bool(np.asarray(cached.imaged[index]).all())


def test_no_chunk_is_unpacked_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached = CachedVolume(open_volume(stored_image(tmp_path / "a.ome.zarr", DATA)), ChunkCache())
    first = cached[-1]
    monkeypatch.setattr(zarr.Array, "__getitem__", None)
    assert np.array_equal(cached[-1], first)
