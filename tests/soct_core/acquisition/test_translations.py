"""Translations of slices: windows onto one canvas, the world of the volume, contradicted slots."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from soct_core.acquisition.slots import Slots
from soct_core.acquisition.stage_shifts import CommonSpace
from soct_core.acquisition.translations import (
    contradicted_slots,
    origins_differ,
    space_of_translations,
    without_translation,
    world_origin,
)
from soct_core.arrays import Zyx
from soct_core.errors import AcquisitionError
from soct_core.volume import Volume, open_volume
from soct_core.volume.writing import ImageSpec, image_writer

VOXEL = (50.0, 20.0, 25.0)
SLOTS = Slots(4, 200.0, 50.0, 200.0)


def volumes(folder: Path, origins: list[Zyx]) -> dict[int, Volume]:
    found = {}
    for slice_id, origin in enumerate(origins, start=4):
        path = folder / f"slice_z{slice_id:02d}.ome.zarr"
        data = np.ones((4, 6, 8), np.float32)
        with image_writer(path, ImageSpec((4, 6, 8), data.dtype, VOXEL, origin)) as (image, _):
            image.append(data)
        found[slice_id] = open_volume(path)
    return found


def test_slices_of_one_origin_need_no_window_and_keep_their_world(tmp_path: Path) -> None:
    there = volumes(tmp_path, [(7.0, 500.0, 900.0), (7.0, 500.001, 900.0)])
    assert not origins_differ(there)
    assert space_of_translations(there) == CommonSpace({})
    assert world_origin(there, CommonSpace({})) == (7.0, 500.0, 900.0)


def test_origins_that_differ_are_windows_onto_one_canvas(tmp_path: Path) -> None:
    # 10 px to the right and 2.25 up.
    there = volumes(tmp_path, [(7.0, 500.0, 900.0), (7.0, 455.0, 1150.0)])
    space = space_of_translations(there)
    assert [w.offset for w in space.windows.values()] == [(0, 2), (10, 0)]
    assert {w.plane_shape for w in space.windows.values()} == {(8, 18)}
    assert space.windows[4].rest == pytest.approx((0.0, 0.25))
    assert world_origin(there, space) == pytest.approx((7.0, 455.0, 900.0))


def test_a_canvas_that_no_one_can_mean_is_refused(tmp_path: Path) -> None:
    there = volumes(tmp_path, [(0.0, 0.0, 0.0), (0.0, 0.0, 1e9)])
    with pytest.raises(AcquisitionError, match=r"canvas would be 40000008 x 6 px.*--shifts"):
        space_of_translations(there)


@pytest.mark.parametrize(
    ("z", "off", "interval"),
    [
        ([7.0, 7.0, 7.0], (), None),
        ([7.0, 207.0, 407.0], (), None),
        ([7.0, 227.0, 440.0], (), None),
        ([0.0, 300.0, 600.0], (5, 6), 300.0),
        ([0.0, 200.0, 800.0], (6,), None),
        ([0.0, -200.0, -400.0], (5, 6), -200.0),
    ],
)
def test_z_says_what_the_slots_say_or_is_doubted(
    tmp_path: Path, z: list[float], off: tuple[int, ...], interval: float | None
) -> None:
    there = volumes(tmp_path, [(um, 0.0, 0.0) for um in z])
    assert contradicted_slots(there, SLOTS) == (off, interval)


def test_a_slice_that_says_nothing_among_others_is_named(tmp_path: Path) -> None:
    there = volumes(tmp_path, [(0.0, 500.0, 900.0), (0.0, 0.0, 0.0), (0.0, 500.0, 900.0)])
    assert list(without_translation(there)) == [5]
    assert list(without_translation({i: v for i, v in there.items() if i == 5})) == []
