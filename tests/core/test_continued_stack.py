"""A volume that is continued is, voxel for voxel, the one that stacking everything anew gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from placed_slices import VOXEL, interpolated, measured, plan_of

from schemas.settings import StackSettings
from soct_core.affine import Affine2D, plane_center
from soct_core.stacking.blending import canvas_of, first_change, spans, stack_volume
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.storage.file_tree import files_of
from soct_core.volume.reused_chunks import FormerImage

SLOT = 7
PLANE = (11, 405)
"""Odd, and long enough for two levels above the base."""
CENTER = plane_center(PLANE)
RAMPS = StackSettings(blend_depth_um=30.0)


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)


def tissue(planes: int, dtype: str, seed: int) -> NDArray[Any]:
    """Noise with some padding in it."""
    rng = np.random.default_rng(seed)
    data = rng.integers(1, 60_000, (planes, *PLANE)).astype(dtype)
    data[:, :, : seed % 5] = 0
    return data


def still(_: int) -> Affine2D:
    return Affine2D.identity()


def drifting(slice_id: int) -> Affine2D:
    """Within the same corners however many there are."""
    return Affine2D.rigid(0.3 * (-1) ** slice_id, (1.3 * (slice_id % 3), -0.7), CENTER)


@dataclass(frozen=True)
class Growth:
    """An acquisition before and after slices came."""

    name: str
    old: Sequence[int]
    new: Sequence[int]
    imaged: int = SLOT
    trusted: int = SLOT
    filled: Sequence[int] = ()
    pose: Callable[[int], Affine2D] = still
    settings: StackSettings = RAMPS
    start: int = 56
    """First plane that is written again."""

    def layers(self, dtype: str) -> list[PlacedSlice]:
        """All of them; the filled slots lie between two measured ones."""
        found = [
            measured(i, tissue(self.imaged, dtype, i), i * SLOT, self.trusted, self.pose(i))
            for i in (*self.old, *self.new)
        ]
        found += [
            interpolated(i, tissue(SLOT, dtype, 100 + i), i * SLOT, self.pose(i - 1), self.pose(i + 1))
            for i in self.filled
        ]
        return sorted(found, key=lambda layer: layer.top)


GROWTHS = [
    Growth("one slice", range(8), [8]),
    Growth("no slice", range(8), []),
    Growth("turned", range(8), [8, 9], pose=drifting),
    Growth("ramps", range(8), [8, 9], imaged=10),
    Growth("ramps, turned", range(7), [7, 8], imaged=10, pose=drifting, start=48),
    Growth("trusted beyond the slot", range(8), [8], imaged=12, trusted=10),
    Growth("interpolated", [0, 1, 3, 4, 5, 6], [8, 9], filled=[2, 7], pose=drifting, imaged=9, start=48),
    Growth("a gap before what came", [*range(5), 8], [11], imaged=9, start=56),
    Growth("less than a chunk", [0], [1], start=0),
    Growth(
        "intensity", range(8), [8, 9], imaged=10, settings=RAMPS.model_copy(update={"match_intensity": True})
    ),
    Growth(
        "sizes that do not divide",
        range(19),
        [19],
        imaged=10,
        settings=RAMPS.model_copy(update={"pyramid_um": (25.0, 50.0, 60.0)}),
        start=120,
    ),
]


def bottom(layers: Sequence[PlacedSlice]) -> int:
    return max(layer.bottom for layer in layers)


def contents(store: Path) -> dict[str, bytes]:
    """Every file of a store, chunks and metadata alike."""
    return {name: Path(path).read_bytes() for name, path in files_of(store).items()}


def inodes(store: Path) -> dict[str, int]:
    """Inode of every file of a store."""
    return {name: Path(path).stat().st_ino for name, path in files_of(store).items()}


@pytest.mark.parametrize(("version", "dtype"), [("0.4", "u2"), ("0.5", "u2"), ("0.5", "f4")])
@pytest.mark.parametrize("growth", GROWTHS, ids=lambda growth: growth.name)
def test_a_continued_volume_is_the_one_stacked_anew(
    tmp_path: Path, growth: Growth, dtype: str, version: Any
) -> None:
    layers = growth.layers(dtype)
    old = [layer for layer in layers if layer.slice_id <= max(growth.old)]
    canvas = canvas_of(layers)
    blend_planes = round(growth.settings.blend_depth_um / VOXEL[0])
    path, anew = tmp_path / "3d_volume.ome.zarr", tmp_path / "anew" / "3d_volume.ome.zarr"

    def write(place: Path, some: Sequence[PlacedSlice], **more: Any) -> dict[int, float]:
        depth = bottom(some)
        plan = plan_of(some, depth, canvas=canvas, **more)
        return stack_volume(plan, growth.settings, place, version)

    factors = write(path, old)
    before = inodes(path)
    kept = first_change(spans(old, bottom(old), blend_planes), spans(layers, bottom(layers), blend_planes))
    former = FormerImage(path, kept)
    assert write(anew, layers) == write(path, layers, factors=factors, former=former)
    assert contents(path) == contents(anew)
    # Planes are one chunk wide, so that the chunks of level 0 count its rows.
    base = "0/c/" if version == "0.5" else "0/"
    taken = [n for n, inode in inodes(path).items() if n.startswith(base) and before.get(n) == inode]
    assert len(taken) * 8 == growth.start


def test_only_the_last_chunks_of_each_level_are_written_again(tmp_path: Path) -> None:
    layers = Growth("long", range(40), [40]).layers("u2")
    path, depth = tmp_path / "v.ome.zarr", 40 * SLOT
    stack_volume(plan_of(layers[:-1], depth), StackSettings(), path)
    before = inodes(path)
    stack_volume(plan_of(layers, depth + SLOT, former=FormerImage(path, depth)), StackSettings(), path)
    written = {name for name, inode in inodes(path).items() if before.get(name) != inode and "/c/" in name}
    # 280 planes were there: 140 at level 1, of which 136 lie in whole chunks, 70 at level 2, 64.
    rows = {"0": range(35, 36), "1": range(17, 18), "2": range(8, 9)}
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
    stack_volume(plan_of(layers[:-1], 4 * SLOT), StackSettings(), path)
    stack_volume(plan_of(layers, 5 * SLOT), StackSettings(), anew)
    before = inodes(path)
    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    stack_volume(plan_of(layers, 5 * SLOT, former=FormerImage(path, 4 * SLOT)), StackSettings(), path)
    assert contents(path) == contents(anew)
    assert not set(inodes(path).values()) & set(before.values())


def test_an_error_on_the_way_leaves_the_former_volume_whole(tmp_path: Path) -> None:
    class Torn:
        shape, dtype = (SLOT, *PLANE), np.dtype("u2")

        def __getitem__(self, index: Any) -> NDArray[Any]:
            raise OSError(5, "Input/output error")

    layers = Growth("short", range(4), []).layers("u2")
    path = tmp_path / "v.ome.zarr"
    stack_volume(plan_of(layers, 4 * SLOT), StackSettings(), path)
    before = contents(path)
    torn = [*layers, measured(4, Torn(), 4 * SLOT)]
    with pytest.raises(OSError, match="Input/output"):
        stack_volume(plan_of(torn, 5 * SLOT, former=FormerImage(path, 4 * SLOT)), StackSettings(), path)
    assert contents(path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["v.ome.zarr"]


def test_the_first_change_is_found_wherever_it_hides() -> None:
    layers = [measured(i, np.ones((10, 4, 4), np.uint16), 6 * i, 6) for i in range(3)]
    assert first_change(spans(layers[:2], 12, 3), spans(layers, 18, 3)) == 12
    assert first_change(spans(layers, 18, 3), spans(layers, 18, 3)) == 18
    # Trusted beyond its slot, the last slice owned planes that the next one takes from it.
    deep = [layers[0], replace(layers[1], planes=9), layers[2]]
    assert first_change(spans(deep[:2], 15, 3), spans(deep, 18, 3)) == 12
    # The ramp onto a slice that is cut short by the next one is another ramp from its beginning.
    cut = [layers[0], layers[1], replace(layers[2], top=8)]
    assert first_change(spans(cut[:2], 12, 4), spans(cut, 14, 4)) == 6
