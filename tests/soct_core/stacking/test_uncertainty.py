"""Uncertainty of a volume: where its interpolated voxels are, in their poses, and nowhere else."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from growing_stack import FLAT, SLOT, Growth, contents, drifting, inodes
from numpy.typing import NDArray
from placed_slices import levels_at, plan_of

from schemas.settings import StackSettings
from soct_core.stacking.parts import PartedVolume
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.stacking.uncertainty import PartedUncertainty
from soct_core.volume import level_grids
from soct_core.volume.pyramid import halvings, local_mean
from soct_core.volume.reused_chunks import FormerImage

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")
SIZED = FLAT.model_copy(update={"pyramid_um": (25.0, 40.0)})
SHARDED = StackSettings(chunks=(2, 64, 64), shards=(4, 128, 128))
DEPTH = 5 * SLOT + 3
GROWTH = Growth("turned", [0, 1, 3, 4], [], filled=[2], pose=drifting)


def beside(
    layers: list[PlacedSlice], settings: StackSettings = FLAT, depth: int = DEPTH, **more: Any
) -> tuple[PartedVolume, PartedUncertainty]:
    """A volume and its uncertainty: the interpolated slices themselves as half widths, to be compared."""
    volume = PartedVolume.of(plan_of(layers, depth, **more), settings, "0.5")
    known = {one.slice_id: one.volume for one in layers if one.state == "interpolated"}
    uncertainty = PartedUncertainty.of(volume, known)
    assert uncertainty is not None
    return volume, uncertainty


def all_blocks(volume: PartedVolume) -> list[Any]:
    return [block for part in volume.parts for block in part]


def values_at(path: Path) -> NDArray[Any]:
    return levels_at(path)[0].data


@pytest.mark.parametrize("settings", [FLAT, SHARDED], ids=["halved", "sharded"])
def test_half_widths_lie_where_their_voxels_do_and_parts_make_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: StackSettings
) -> None:
    monkeypatch.setattr(level_grids, "PART_BYTES", 2**15)
    layers = GROWTH.layers("f4")
    # Factors of the neighbours: half widths are scaled as the intensities are.
    volume, uncertainty = beside(layers, settings, factors={1: 1.5, 3: 0.8})
    one, two = tmp_path / "one" / "u.ome.zarr", tmp_path / "u.ome.zarr"
    volume.join([], all_blocks(volume), tmp_path / "v.ome.zarr")
    uncertainty.join([], all_blocks(volume), one)
    found, shown = values_at(one), values_at(tmp_path / "v.ome.zarr")
    label = values_at(tmp_path / "v.ome.zarr" / "labels" / "provenance")
    assert np.isnan(found[label != 2]).all()
    # As many bits as half widths are worth.
    np.testing.assert_allclose(found[label == 2], shown[label == 2], rtol=0.004)
    assert (label == 2).mean() > 0.1
    folders = []
    for index, blocks in enumerate(volume.parts):
        if index != 2:
            folders.append(tmp_path / f"part{index}")
            volume.write_part(blocks, folders[-1], partial(uncertainty.write, blocks))
    uncertainty.join(folders, volume.parts[2], two)
    assert contents(two) == contents(one)
    if settings is FLAT:
        # What parts hold of it never gets into the volume.
        volume.join(folders, volume.parts[2], tmp_path / "again" / "v.ome.zarr")
        assert contents(tmp_path / "again" / "v.ome.zarr") == contents(tmp_path / "v.ome.zarr")


def test_chunks_of_nothing_are_no_files_and_levels_are_means(tmp_path: Path) -> None:
    volume, uncertainty = beside(GROWTH.layers("u2"))
    uncertainty.join([], all_blocks(volume), tmp_path / "u.ome.zarr")
    level = values_at(tmp_path / "u.ome.zarr")
    assert level.dtype == np.float32
    group = zarr.open_group(tmp_path / "u.ome.zarr", mode="r")
    for index, step in enumerate([None, *halvings(level.shape)]):
        level = level if step is None else local_mean(level, step)
        np.testing.assert_array_equal(np.asarray(group[str(index)][...]), level)  # type: ignore[index]
    rows = {name.split("/")[2] for name in contents(tmp_path / "u.ome.zarr") if name.startswith("0/c/")}
    # Chunks are two planes deep; the gap is planes 14 to 20.
    assert rows == {"7", "8", "9", "10"}


def test_nothing_is_written_without_half_widths_of_what_is_placed() -> None:
    layers = GROWTH.layers("u2")
    volume, _ = beside(layers)
    assert PartedUncertainty.of(volume, {}) is None
    known = [one for one in layers if one.state == "measured"]
    volume = PartedVolume.of(plan_of(known, DEPTH), FLAT, "0.5")
    assert PartedUncertainty.of(volume, {2: known[0].volume}) is None


@pytest.mark.parametrize(("filled", "settings"), [([2], FLAT), ([2], SIZED), ([10], FLAT)], ids=str)
def test_a_longer_volume_takes_over_what_stays(
    tmp_path: Path, filled: list[int], settings: StackSettings
) -> None:
    slots = [i for i in range(14) if i not in filled]
    growth = Growth("longer", [i for i in slots if i < 9], [i for i in slots if i >= 9], filled=filled)
    layers, depth = growth.layers("u2"), 14 * SLOT
    old = [one for one in layers if one.slice_id < 9]
    former, beside_it = PartedVolume.of(plan_of(old, 9 * SLOT), settings, "0.5"), tmp_path / "u.ome.zarr"
    former.join([], all_blocks(former), tmp_path / "v.ome.zarr")
    if filled == [2]:
        beside(old, settings, 9 * SLOT)[1].join([], all_blocks(former), beside_it)
    kept = FormerImage(tmp_path / "v.ome.zarr", 56)
    volume, _ = beside(layers, settings, depth, former=kept)
    known = {one.slice_id: one.volume for one in layers if one.state == "interpolated"}
    uncertainty = PartedUncertainty.of(volume, known, beside_it)
    assert uncertainty is not None
    assert volume.kept_planes == 56
    before = inodes(beside_it) if filled == [2] else {}
    uncertainty.join([], all_blocks(volume), tmp_path / "next.ome.zarr")
    anew, whole = beside(layers, settings, depth)
    whole.join([], all_blocks(anew), tmp_path / "anew" / "next.ome.zarr")
    assert contents(tmp_path / "next.ome.zarr") == contents(tmp_path / "anew" / "next.ome.zarr")
    after = inodes(tmp_path / "next.ome.zarr")
    same = [name for name in before if name.startswith("0/c/") and after[name] == before[name]]
    assert bool(same) == (filled == [2])
