"""A volume that is continued is, voxel for voxel, the one that stacking everything anew gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from growing_stack import FLAT, PLANE, RAMPS, SLOT, Growth, contents, drifting, inodes
from numpy.typing import NDArray
from placed_slices import VOXEL, measured, plan_of

from soct_core.stacking.blending import canvas_of, first_change, spans
from soct_core.stacking.parts import stack_volume
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.volume.reused_chunks import FormerImage

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")
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
        "intensity",
        [0, 1, 2, 3, 5, 6, 7],
        [8, 9],
        imaged=10,
        filled=[4],
        factors={i: 1 - 0.05 * i for i in range(10)},
    ),
    Growth(
        "sizes that do not divide",
        range(19),
        [19],
        imaged=10,
        settings=RAMPS.model_copy(update={"pyramid_um": (25.0, 50.0, 60.0)}),
        start=132,
    ),
]


def bottom(layers: Sequence[PlacedSlice]) -> int:
    return max(layer.bottom for layer in layers)


@pytest.mark.parametrize(("version", "dtype"), [("0.4", "u2"), ("0.5", "f4")])
@pytest.mark.parametrize("growth", GROWTHS, ids=lambda growth: growth.name)
def test_a_continued_volume_is_the_one_stacked_anew(
    tmp_path: Path, growth: Growth, dtype: str, version: Any
) -> None:
    layers = growth.layers(dtype)
    old = [layer for layer in layers if layer.slice_id <= max(growth.old)]
    canvas = canvas_of(layers)
    blend_planes = round(growth.settings.blend_depth_um / VOXEL[0])
    path, anew = tmp_path / "3d_volume.ome.zarr", tmp_path / "anew" / "3d_volume.ome.zarr"

    def write(place: Path, some: Sequence[PlacedSlice], **more: Any) -> None:
        depth = bottom(some)
        plan = plan_of(some, depth, canvas=canvas, factors=growth.factors, **more)
        stack_volume(plan, growth.settings, place, version)

    write(path, old)
    before = inodes(path)
    kept = first_change(spans(old, bottom(old), blend_planes), spans(layers, bottom(layers), blend_planes))
    former = FormerImage(path, kept)
    write(anew, layers)
    write(path, layers, former=former)
    assert contents(path) == contents(anew)
    # Planes are one chunk wide, so that the chunks of level 0 count its rows.
    base = "0/c/" if version == "0.5" else "0/"
    taken = [n for n, inode in inodes(path).items() if n.startswith(base) and before.get(n) == inode]
    assert len(taken) * 2 == growth.start


def test_an_error_on_the_way_leaves_the_former_volume_whole(tmp_path: Path) -> None:
    class Torn:
        shape, dtype = (SLOT, *PLANE), np.dtype("u2")

        def __getitem__(self, index: Any) -> NDArray[Any]:
            raise OSError(5, "Input/output error")

    layers = Growth("short", range(4), []).layers("u2")
    path = tmp_path / "v.ome.zarr"
    stack_volume(plan_of(layers, 4 * SLOT), FLAT, path)
    before = contents(path)
    torn = [*layers, measured(4, Torn(), 4 * SLOT)]
    with pytest.raises(OSError, match="Input/output"):
        stack_volume(plan_of(torn, 5 * SLOT, former=FormerImage(path, 4 * SLOT)), FLAT, path)
    assert contents(path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["v.ome.zarr"]
