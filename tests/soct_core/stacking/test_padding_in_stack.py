"""What counts as measured in a volume hangs on voxels and geometry, not on how they are stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from chunk_layouts import LAYOUTS, Layout, laid_out, lose
from masked_tissue import masked_tissue
from numpy.typing import NDArray
from placed_slices import measured, stacked

from soct_core.affine import shift_by
from soct_core.volume import open_volume

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")

SHAPE = (8, 96, 128)
PADS = ((5, 0, 9, 3), (0, 7, 0, 0), (16, 16, 32, 0))
"""Rows above and below, columns left and right: of each slice others."""


@pytest.fixture(scope="module")
def slices() -> list[NDArray[np.float32]]:
    """Agarose around the brain, save in the padding, and ventricles of exact zeros within."""
    found = []
    for k, (top, bottom, left, right) in enumerate(PADS):
        brain = masked_tissue(SHAPE, top_um=200.0 * k, pixel_um=75.0)
        brain[brain == 0] = 0.05
        # Wider than a chunk of some layouts, whose writer leaves it out.
        y, x = np.ogrid[: SHAPE[1], : SHAPE[2]]
        brain[:, np.hypot(y - 50, x - 80) < 26] = 0
        brain[:, :top], brain[:, :, :left] = 0, 0
        brain[:, SHAPE[1] - bottom :], brain[:, :, SHAPE[2] - right :] = 0, 0
        found.append(brain)
    return found


def inside(pads: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    top, bottom, left, right = pads
    mask = np.zeros(SHAPE[1:], bool)
    mask[top : SHAPE[1] - bottom, left : SHAPE[2] - right] = True
    return mask


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_padding_is_no_data_and_zeros_within_are(
    tmp_path: Path, slices: list[NDArray[np.float32]], layout: Layout, moved: bool
) -> None:
    volumes = [
        open_volume(laid_out(tmp_path / f"{k}.ome.zarr", data, layout)) for k, data in enumerate(slices)
    ]
    # Each is trusted 6 planes deep and imaged 8: ramps of 2 planes cross over below.
    layers = [measured(k, v, 6 * k, 6, shift_by(2.0 * moved * k, 0.0)) for k, v in enumerate(volumes)]
    found = stacked(tmp_path / "stack", layers, 20, blend_depth_um=20.0)
    left = found.canvas.origin[0]
    masks = []
    for k, pads in enumerate(PADS):
        mask = np.zeros(found.canvas.shape, bool)
        x = round(-left - 2 * moved * k)
        mask[: SHAPE[1], x : x + SHAPE[2]] = inside(pads)
        masks.append(mask)
    for k, mask in enumerate(masks):
        np.testing.assert_array_equal(found.labels[6 * k + 2 : 6 * k + 6] == 1, [mask] * 4)
        if k:
            wanted = np.where(mask & masks[k - 1], 3, np.where(mask | masks[k - 1], 1, 0))
            np.testing.assert_array_equal(found.labels[6 * k : 6 * k + 2], [wanted] * 2)
    assert not found.values[found.labels == 0].any()
    # The ventricle is measured, and dark.
    y, x = 50, 80 - left
    assert found.labels[3, y, round(x)] == 1
    assert found.values[3, y, round(x)] == 0


def test_all_layouts_of_a_masked_brain_become_one_volume(tmp_path: Path) -> None:
    data = [masked_tissue(SHAPE, top_um=150.0 * k, pixel_um=80.0) for k in (0, 1)]
    made = []
    for n, layout in enumerate(LAYOUTS):
        volumes = [
            open_volume(laid_out(tmp_path / f"{n}-{k}.ome.zarr", d, layout)) for k, d in enumerate(data)
        ]
        assert not any(v.lost_chunks() for v in volumes)
        layers = [measured(k, v, 6 * k, 6, shift_by(0.4 * k, 0.3)) for k, v in enumerate(volumes)]
        made.append(stacked(tmp_path / f"stack-{n}", layers, 14, blend_depth_um=20.0))
    assert {1, 3} <= set(np.unique(made[0].labels).tolist())
    for other in made[1:]:
        np.testing.assert_array_equal(other.labels, made[0].labels)
        np.testing.assert_array_equal(other.values, made[0].values)


def test_a_lost_chunk_takes_what_the_slice_above_measured_there(tmp_path: Path) -> None:
    data = [masked_tissue(SHAPE, top_um=150.0 * k) for k in (0, 1)]
    paths = [laid_out(tmp_path / f"{k}.ome.zarr", d, Layout((8, 32, 32))) for k, d in enumerate(data)]
    lose(paths[1], (0, 1, 2))
    layers = [measured(k, open_volume(path), 6 * k, 6) for k, path in enumerate(paths)]
    found = stacked(tmp_path / "stack", layers, 14, blend_depth_um=20.0)
    lost = found.labels[6:14, 32:64, 64:96]
    assert (lost[:2] == 1).all()
    assert not lost[2:].any()
    np.testing.assert_array_equal(found.values[6:8, 32:64, 64:96], data[0][6:, 32:64, 64:96])
