"""Chunks that a file does not hold: found whatever the layout, and links to nothing refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from chunk_layouts import LAYOUTS, Layout, laid_out, lose, lose_within_shard
from stored_image import lose_chunk, stored_image

from soct_core.errors import VolumeError
from soct_core.planes.measured import read_measured
from soct_core.volume import open_volume
from soct_core.volume.absent_chunks import absent_chunks


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_a_lost_chunk_was_not_measured(tmp_path: Path, version: str, dtype: str) -> None:
    data = np.random.default_rng(0).integers(1, 999, (10, 520, 20)).astype(dtype)
    path = stored_image(tmp_path / "a.ome.zarr", data, version)
    whole = open_volume(path)
    assert (whole.lost_chunks(), whole.chunk_count) == ([], 4)
    assert whole.imaged[...].all()
    name = lose_chunk(path, 0, 1, 0).relative_to(path).as_posix()
    volume = open_volume(path)
    assert volume.lost_chunks() == [name]
    wanted = np.ones(data.shape, bool)
    wanted[:8, 512:] = False
    indices: list[Any] = [3, 9, -1, slice(6, 10), ..., (2, 515), (slice(None), ..., 7), (..., 7)]
    for index in (*indices, (4, slice(500, 519), 3)):
        np.testing.assert_array_equal(volume.imaged[index], wanted[index], err_msg=str(index))
        assert whole.imaged[index].shape == wanted[index].shape
        np.testing.assert_array_equal(volume[index][wanted[index]], data[index][wanted[index]])
    for index in (3, 9, -1, slice(6, 10)):
        _, seen = read_measured(volume, index)
        np.testing.assert_array_equal(True if seen is None else seen, wanted[index], err_msg=str(index))
    lost = volume[:8, 512:]
    assert np.isnan(lost).all() if dtype == "f4" else not lost.any()


def test_a_lost_chunk_reads_as_the_fill_value_that_every_reader_shows(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(100, 999, (8, 64, 64)).astype("u2")
    path = laid_out(tmp_path / "a.ome.zarr", data, Layout((8, 16, 16), fill=7))
    lose(path, (0, 1, 1))
    volume = open_volume(path)
    assert volume.lost_chunks() == ["0/c/0/1/1"]
    assert (volume[:, 16:32, 16:32] == 7).all()
    assert not volume.imaged[:, 16:32, 16:32].any()


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_absent_chunks_are_found_in_every_layout(tmp_path: Path, layout: Layout) -> None:
    data = np.ones((8, 70, 96), np.float32)
    data[4:, 32:64, 64:] = 0
    path = laid_out(tmp_path / "a.ome.zarr", data, layout)
    absent = absent_chunks(zarr.open_group(path, mode="r")["0"], path)
    steps = layout.chunks or data.shape
    grid = tuple(-(-n // step) for n, step in zip(data.shape, steps, strict=True))
    parts = [np.add.reduceat(data != 0, np.arange(0, 8, steps[0]), axis=0, dtype=int)]
    for axis in (1, 2):
        parts.append(np.add.reduceat(parts[-1], np.arange(0, data.shape[axis], steps[axis]), axis=axis))
    wanted = parts[-1] == 0
    assert wanted.shape == grid
    if wanted.any() and not layout.keeps_empty:
        np.testing.assert_array_equal(absent, wanted)
    else:
        assert absent is None


@pytest.mark.parametrize("index_location", ["start", "end"])
def test_a_chunk_lost_within_a_shard_is_seen(tmp_path: Path, index_location: str) -> None:
    data = np.random.default_rng(1).uniform(1, 2, (4, 96, 96)).astype(np.float32)
    layout = Layout((4, 32, 32), (4, 96, 96), index_location=index_location)
    path = laid_out(tmp_path / "a.ome.zarr", data, layout)
    lose_within_shard(path, (0, 1, 1), layout, data.shape)
    volume = open_volume(path)
    assert volume.lost_chunks() == ["(0, 1, 1) in 0/c/0/0/0"]
    assert np.isnan(volume[...]).sum() == 4 * 32 * 32


def test_a_shard_cut_short_is_refused(tmp_path: Path) -> None:
    layout = Layout((4, 32, 32), (4, 64, 64))
    path = laid_out(tmp_path / "a.ome.zarr", np.ones((4, 64, 64), np.float32), layout)
    shard = path / "0/c/0/0/0"
    shard.write_bytes(shard.read_bytes()[:40])
    with pytest.raises(VolumeError, match="0/c/0/0/0: holds 40 bytes of its index, wanted 64"):
        open_volume(path)[0]


@pytest.mark.parametrize("what", ["chunk", "folder"])
def test_a_link_to_nothing_is_refused_by_name(tmp_path: Path, what: str) -> None:
    layout = Layout((4, 32, 32))
    path = laid_out(tmp_path / "a.ome.zarr", np.ones((4, 64, 64), np.float32), layout)
    place = lose(path, (0, 1, 1))
    if what == "folder":
        place.with_name("0").unlink()
        place.parent.rmdir()
        place = place.parent
    place.symlink_to("/nonexistent/key")
    with pytest.raises(VolumeError, match=rf"{place}: is a link to nothing"):
        open_volume(path)
