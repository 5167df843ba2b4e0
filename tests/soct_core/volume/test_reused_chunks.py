"""Chunks of a former image: all but the last of each level stay as they are, linked or copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from growing_stack import FLAT, SLOT, Growth, contents, inodes
from placed_slices import plan_of

from soct_core.stacking.parts import stack_volume
from soct_core.volume.reused_chunks import FormerImage

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def test_only_the_chunks_of_new_blocks_are_written_again(tmp_path: Path) -> None:
    layers = Growth("long", range(40), [40]).layers("u2")
    path, depth = tmp_path / "v.ome.zarr", 40 * SLOT
    stack_volume(plan_of(layers[:-1], depth), FLAT, path)
    before = inodes(path)
    stack_volume(plan_of(layers, depth + SLOT, former=FormerImage(path, depth)), FLAT, path)
    written = {name for name, inode in inodes(path).items() if before.get(name) != inode and "/c/" in name}
    # 280 planes were there: 35 blocks. Seven came: a block.
    rows = {"0": range(140, 144), "1": range(70, 72), "2": range(35, 36)}
    assert written == {
        f"{image}{level}/c/{row}/0/0"
        for image in ("", "labels/provenance/")
        for level, wanted in rows.items()
        for row in wanted
    }


def test_what_cannot_be_linked_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(18, "Invalid cross-device link")

    layers = Growth("short", range(4), [4]).layers("u2")
    path, anew = tmp_path / "v.ome.zarr", tmp_path / "anew" / "v.ome.zarr"
    stack_volume(plan_of(layers[:-1], 4 * SLOT), FLAT, path)
    stack_volume(plan_of(layers, 5 * SLOT), FLAT, anew)
    before = inodes(path)
    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    stack_volume(plan_of(layers, 5 * SLOT, former=FormerImage(path, 4 * SLOT)), FLAT, path)
    assert contents(path) == contents(anew)
    assert not set(inodes(path).values()) & set(before.values())
