"""Parts written anywhere and in any order make the volume that one process writes, to the last bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from growing_stack import FLAT, Growth, contents, drifting
from placed_slices import VOXEL, measured, plan_of

from schemas.settings import StackSettings
from schemas.stack_plan import Block
from soct_core.affine import Affine2D, plane_center
from soct_core.stacking.blending import canvas_of
from soct_core.stacking.parts import PartedVolume, stack_volume
from soct_core.volume import level_grids
from soct_core.volume.level_grids import halved_grid, parts_of
from soct_core.volume.pyramid import halvings, local_mean

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")
SIZED = FLAT.model_copy(update={"pyramid_um": (25.0, 40.0)})
SHARDED = StackSettings(chunks=(2, 64, 64), shards=(4, 128, 128))


@pytest.mark.parametrize("settings", [FLAT, SIZED, SHARDED], ids=["halved", "sized", "sharded"])
def test_parts_joined_are_the_volume_of_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: StackSettings
) -> None:
    monkeypatch.setattr(level_grids, "PART_BYTES", 2**15)
    layers = Growth("turned", [0, 1, 3, 4], [], imaged=10, filled=[2], pose=drifting).layers("u2")
    plan = plan_of(layers, 5 * 7 + 3)
    stack_volume(plan, settings, tmp_path / "one" / "v.ome.zarr")
    volume = PartedVolume.of(plan, settings, "0.5")
    assert len(volume.parts) > 4
    folders = {i: tmp_path / f"part{i}" for i in range(len(volume.parts))}
    for index in sorted(folders, reverse=True):
        # As another process would: from the plan alone.
        other = PartedVolume.of(plan_of(layers, 5 * 7 + 3), settings, "0.5")
        other.write_part(volume.parts[index], folders[index])
    lost = 2
    whole = [folders[i] for i in folders if i != lost]
    volume.join(whole, volume.parts[lost], tmp_path / "v.ome.zarr")
    assert contents(tmp_path / "v.ome.zarr") == contents(tmp_path / "one" / "v.ome.zarr")


def test_no_file_is_in_two_parts(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        chunks = tuple(int(2 * n) for n in rng.integers(1, 20, 3))
        shards: Any = tuple(c * int(n) for c, n in zip(chunks, rng.integers(1, 4, 3), strict=True))
        settings = StackSettings(chunks=chunks, shards=shards if rng.random() < 0.5 else "none")
        shape = tuple(int(n) for n in rng.integers(1, 700, 3))
        grid = halved_grid(shape, 2, settings, "0.5")
        blocks = list(grid.blocks())
        assert sum(np.prod(block.shape) for block in blocks) == np.prod(shape)
        for grids in (grid.image, grid.labels):
            for level, one in enumerate(grids[: grid.within + 1]):
                for axis in range(3):
                    inner = {b.first[axis] for b in blocks} - {0}
                    assert all(edge % (one.unit[axis] << level) == 0 for edge in inner)


def test_parts_do_not_depend_on_workers_and_hold_every_block_once() -> None:
    blocks = [Block(first=(z, 0, 0), end=(z + 64, 1024, 1024)) for z in range(0, 64 * 37, 64)]
    parts = parts_of(blocks, 4)
    assert [block for part in parts for block in part] == blocks
    assert {len(part) for part in parts} <= {1, 2}
    assert len(parts_of(blocks * 100, 4)) == level_grids.MOST_PARTS
    assert parts_of([], 4) == ()


def test_a_whole_brain_stays_below_50000_files() -> None:
    for side in ((6000, 8000), (2048, 2048), (3000, 3000)):
        grid = halved_grid((6000, *side), 4, StackSettings(), "0.5")
        files = [
            int(np.prod([-(-n // u) for n, u in zip(one.shape, one.unit, strict=True)]))
            for one in (*grid.image, *grid.labels)
        ]
        assert sum(files) < 50_000
        assert np.prod(grid.block) * 4 <= 2**30


@pytest.mark.parametrize("shape", [(70, 300, 530), (5, 1100, 260)])
def test_levels_are_means_of_the_level_below_wherever_blocks_end(tmp_path: Path, shape: Any) -> None:
    data = np.random.default_rng(1).normal(100, 20, shape).astype("f4")
    pose = Affine2D.identity(plane_center(shape[1:]))
    layers = [measured(0, data, 0, pose=pose)]
    settings = StackSettings(chunks=(4, 64, 64))
    plan = plan_of(layers, shape[0], canvas=canvas_of(layers))
    stack_volume(plan, settings, tmp_path / "v.ome.zarr")
    group = zarr.open_group(tmp_path / "v.ome.zarr", mode="r")
    level = data
    for index, step in enumerate([None, *halvings(shape)]):
        level = level if step is None else local_mean(level, step)
        np.testing.assert_array_equal(np.asarray(group[str(index)][...]), level)  # type: ignore[index]
    assert VOXEL[0] == 10.0
