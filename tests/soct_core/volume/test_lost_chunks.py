"""A chunk lost amid tissue is told from one that a writer left out because nothing is in it."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chunk_layouts import Layout, laid_out, lose, lose_within_shard
from masked_tissue import masked_tissue
from numpy.typing import NDArray

from soct_core.volume import open_volume
from soct_core.volume.lost_chunks import lost_chunks

CHUNKS = (4, 32, 32)
SHAPE = (12, 128, 160)
LAYOUT = Layout(CHUNKS)
REAL_CHUNKS = ((4, 32, 32), (8, 64, 64), (4, 16, 16), (2, 32, 32), (1, 48, 48), (8, 128, 128))


@pytest.fixture(scope="module")
def masked() -> NDArray[np.float32]:
    return masked_tissue(SHAPE)


def place_of(chunk: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(i * step, (i + 1) * step) for i, step in zip(chunk, CHUNKS, strict=True))


def holding(data: NDArray[Any], least: float, most: float = 1.0) -> list[tuple[int, int, int]]:
    """Chunks of which a share between two bounds holds tissue."""
    grid = tuple(n // step for n, step in zip(SHAPE, CHUNKS, strict=True))
    return [
        (z, y, x) for z, y, x in np.ndindex(grid) if least <= (data[place_of((z, y, x))] != 0).mean() <= most
    ]


def names(*chunks: tuple[int, int, int]) -> list[str]:
    return [f"0/c/{z}/{y}/{x}" for z, y, x in sorted(chunks)]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("chunks", [(4, 32, 32), (1, 16, 16), (12, 32, 16), (2, 16, 32)])
def test_what_a_writer_left_out_is_not_lost(tmp_path: Path, seed: int, chunks: tuple[int, int, int]) -> None:
    # At the end of the brain tissue ends in z as well.
    for top_um in (0.0, 4950.0):
        data = masked_tissue(SHAPE, seed, top_um)
        volume = open_volume(laid_out(tmp_path / f"{top_um}.ome.zarr", data, Layout(chunks)))
        stored = len(list((volume.path / "0" / "c").rglob("[0-9]*/[0-9]*/[0-9]*")))
        assert stored < volume.chunk_count
        assert volume.lost_chunks() == []
        np.testing.assert_array_equal(volume[...], data)


@pytest.mark.parametrize("dtype", ["f4", "u1", "u2", "i2"])
def test_each_chunk_lost_amid_tissue_is_told(tmp_path: Path, masked: NDArray[np.float32], dtype: str) -> None:
    data = (masked * (1 if dtype == "f4" else 100)).astype(dtype)
    for chunk in [*holding(data, 0.9)[::4], *holding(data, 0.15, 0.6)[::3]]:
        path = laid_out(tmp_path / "-".join(map(str, chunk)), data, LAYOUT)
        lose(path, chunk)
        volume = open_volume(path)
        assert set(names(chunk)) <= set(volume.lost_chunks())
        lost = volume[place_of(chunk)]
        assert np.isnan(lost).all() if dtype == "f4" else not lost.any()
        assert not volume.imaged[place_of(chunk)].any()
        # What surrounds it stays measured, in so far as tissue is there.
        tissue = data != 0
        tissue[place_of(chunk)] = False
        assert volume.imaged[...][tissue].all()


def test_a_lost_block_is_lost_to_its_middle(tmp_path: Path, masked: NDArray[np.float32]) -> None:
    chunks = (1, 16, 16)
    path = laid_out(tmp_path / "a.ome.zarr", masked, Layout(chunks))
    block = [(z, y, x) for z in range(12) for y in (3, 4, 5) for x in (3, 4, 5)]
    for chunk in block:
        lose(path, chunk)
    assert open_volume(path).lost_chunks() == names(*block)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_lost_layer_is_told_by_what_lies_above_and_below(
    tmp_path: Path, masked: NDArray[np.float32], layer: int
) -> None:
    path = laid_out(tmp_path / "a.ome.zarr", masked, Layout((4, 128, 160)))
    lose(path, (layer, 0, 0))
    volume = open_volume(path)
    assert volume.lost_chunks() == names((layer, 0, 0))
    assert np.isnan(volume[4 * layer : 4 * layer + 4]).all()
    assert np.isfinite(np.delete(volume[...], slice(4 * layer, 4 * layer + 4), axis=0)).all()


def test_where_no_chunk_is_there_all_are_lost(tmp_path: Path) -> None:
    path = laid_out(tmp_path / "a.ome.zarr", np.zeros((4, 64, 64), np.uint16), Layout((4, 32, 32)))
    volume = open_volume(path)
    assert len(volume.lost_chunks()) == 4
    assert not volume.imaged[...].any()


@pytest.mark.parametrize("clipped", [False, True])
@pytest.mark.parametrize("place", [(0, 0, 0), (1, 1, 4), (2, 3, 2)])
def test_in_noise_every_absent_chunk_is_lost(
    tmp_path: Path, masked: NDArray[np.float32], place: tuple[int, int, int], clipped: bool
) -> None:
    noise = np.random.default_rng(0).normal(0 if clipped else 0.5, 0.1, SHAPE)
    data = np.maximum(masked + noise, 0).astype(np.float32)
    path = laid_out(tmp_path / "a.ome.zarr", data, LAYOUT)
    lose(path, place)
    assert open_volume(path).lost_chunks() == names(place)


def test_the_fill_value_may_be_any(tmp_path: Path, masked: NDArray[np.float32]) -> None:
    chunk = holding(masked, 0.95)[5]
    for fill in (7.0, np.nan, -1.0):
        data = np.where(masked == 0, np.float32(fill), masked)
        path = laid_out(tmp_path / f"{fill}.ome.zarr", data, Layout(CHUNKS, fill=fill))
        assert open_volume(path).lost_chunks() == []
        np.testing.assert_array_equal(open_volume(path)[...], data)
        lose(path, chunk)
        volume = open_volume(path)
        assert volume.lost_chunks() == names(chunk)
        assert np.isnan(volume[place_of(chunk)]).all()


def test_shards_hide_nothing(tmp_path: Path, masked: NDArray[np.float32]) -> None:
    layout = Layout(CHUNKS, (4, 64, 64))
    data = np.pad(masked, ((0, 0), (0, 0), (0, 32)))[:, :, : SHAPE[2]]
    path = laid_out(tmp_path / "a.ome.zarr", data, layout)
    assert open_volume(path).lost_chunks() == []
    lose_within_shard(path, (1, 1, 2), layout, data.shape)
    assert open_volume(path).lost_chunks() == ["(1, 1, 2) in 0/c/1/0/1"]
    laid_out(path, data, layout)
    lose(path, (1, 0, 1))
    lost = {f"(1, {y}, {x}) in 0/c/1/0/1" for y in (0, 1) for x in (2, 3)}
    told = set(open_volume(path).lost_chunks())
    # The upper two chunks of the shard hold little tissue, or none.
    assert {f"(1, 1, {x}) in 0/c/1/0/1" for x in (2, 3)} <= told <= lost


@pytest.mark.realdata
def test_lost_chunks_of_real_volumes_are_told_and_few_others(real_brain: Path) -> None:
    wrong = left_out = told = lost = 0
    for name in ("stpt_mouse_brain_50um", "mouse_mri_150um", "iguana_ct_102um", "bananas_mri_1mm"):
        file = real_brain.with_name(f"{name}.npz")
        if not file.exists():
            pytest.skip(f"{file.name} is not beside {real_brain.name}")
        volume = np.load(file)["volume"].astype(np.float32)
        volume /= np.percentile(volume, 99.9)
        for masked, chunks, first in product((0.03, 0.1, 0.2), REAL_CHUNKS, range(8, len(volume) - 16, 40)):
            used = volume[first : first + 16] >= masked
            held = counts(used, chunks)
            absent = held == 0
            if absent.any() and not absent.all():
                left_out += int(absent.sum())
                wrong += int(found(used, absent, chunks).sum())
            rich = np.argwhere(held > 0.1 * counts(np.ones_like(used), chunks))
            for chunk in map(tuple, rich[:: max(1, len(rich) // 3)]):
                torn, gone = used.copy(), absent.copy()
                torn[tuple(slice(i * n, (i + 1) * n) for i, n in zip(chunk, chunks, strict=True))] = False
                gone[chunk] = True
                lost += 1
                told += bool(found(torn, gone, chunks)[chunk])
    print(f"taken for lost: {wrong} of {left_out} left out; told: {told} of {lost} lost")
    assert wrong < 0.001 * left_out
    assert told > 0.95 * lost


def counts(used: NDArray[np.bool_], chunks: tuple[int, int, int]) -> NDArray[np.int64]:
    """Voxels that hold something, by chunk."""
    held = used.astype(np.int64)
    for axis, step in enumerate(chunks):
        held = np.add.reduceat(held, np.arange(0, used.shape[axis], step), axis)
    return held


def found(
    used: NDArray[np.bool_], absent: NDArray[np.bool_], chunks: tuple[int, int, int]
) -> NDArray[np.bool_]:
    return lost_chunks(absent, lambda k: used[k * chunks[0] : (k + 1) * chunks[0]], used.shape, chunks)
