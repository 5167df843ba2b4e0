"""The stacked volume: every voxel is where it was measured, and its label says what it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from placed_slices import VOXEL, measured, stacked
from slice_voxels import DEPTH, SHAPE, constant, noise, positive

from soct_core.affine import shift_by
from soct_core.stacking.canvas import Canvas
from soct_core.volume.provenance import GAP, MEASURED

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")
DTYPES = ["u1", "i2", "u2", "i4", "u4", "u8", "f2", "f4", "f8"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_six_aligned_slices_become_their_source_bit_for_bit(tmp_path: Path, dtype: str) -> None:
    source = noise((6 * DEPTH, *SHAPE), dtype)
    layers = [measured(i, source[i * DEPTH : (i + 1) * DEPTH], i * DEPTH) for i in range(6)]
    found = stacked(tmp_path, layers, 6 * DEPTH, blend_depth_um=50.0)
    assert found.values.dtype == source.dtype
    assert found.values.tobytes() == source.tobytes()
    assert np.unique(found.labels).tolist() == [1]
    assert found.canvas == Canvas(SHAPE, (0, 0))


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4"])
def test_slices_imaged_deeper_than_their_slots_still_become_their_source(tmp_path: Path, dtype: str) -> None:
    source = noise((6 * DEPTH, *SHAPE), dtype)
    layers = [measured(i, source[i * DEPTH : (i + 1) * DEPTH + 4], i * DEPTH, DEPTH) for i in range(6)]
    found = stacked(tmp_path, layers, 6 * DEPTH, blend_depth_um=30.0)
    np.testing.assert_array_equal(found.values, source)
    ramp = (np.arange(6 * DEPTH) % DEPTH < 3) & (np.arange(6 * DEPTH) >= DEPTH)
    np.testing.assert_array_equal(found.labels == 3, np.broadcast_to(ramp[:, None, None], source.shape))


@pytest.mark.parametrize("missing", [(3,), (1, 2), (1, 3)])
def test_a_missing_slot_stays_empty_and_nothing_slides_into_it(
    tmp_path: Path, missing: tuple[int, ...]
) -> None:
    source = positive((5 * DEPTH, *SHAPE))
    layers = [
        # Imaged deeper than the slot: what lies deeper must not leak into the gap.
        measured(i, source[i * DEPTH : (i + 1) * DEPTH + 3], i * DEPTH, DEPTH)
        for i in range(5)
        if i not in missing
    ]
    found = stacked(tmp_path, layers, 5 * DEPTH)
    gap = np.isin(np.arange(5 * DEPTH) // DEPTH, missing)
    assert found.values.shape == source.shape
    assert not found.values[gap].any()
    assert not found.labels[gap].any()
    np.testing.assert_array_equal(found.values[~gap], source[~gap])
    assert np.unique(found.labels[~gap]).tolist() == [1]


def test_slices_of_any_depth_and_plane_shape_keep_their_place(tmp_path: Path) -> None:
    blocks = [positive(s, i) for i, s in enumerate([(6, 40, 50), (2, 44, 31), (6, 25, 57)])]
    found = stacked(tmp_path, [measured(i, b, 6 * i) for i, b in enumerate(blocks)], 18)
    wanted = np.zeros((18, 44, 57), np.uint16)
    for i, block in enumerate(blocks):
        wanted[6 * i : 6 * i + block.shape[0], : block.shape[1], : block.shape[2]] = block
    np.testing.assert_array_equal(found.values, wanted)
    np.testing.assert_array_equal(found.labels, (wanted > 0).astype(np.uint8))


@pytest.mark.parametrize("shift", [(7, 5), (-6, 3), (0, 0)])
def test_a_marked_voxel_keeps_its_physical_place_at_every_level(
    tmp_path: Path, shift: tuple[int, int]
) -> None:
    # A blob within the slice that defines the frame; the other one moves the canvas's origin.
    at = np.array([8.0, 18.0, 27.0])
    away = (np.moveaxis(np.indices((16, *SHAPE)), 0, -1) - at) * VOXEL
    blob = np.exp(-((away / 20.0) ** 2).sum(axis=-1))
    layers = [
        measured(0, blob.astype("f4"), 0),
        measured(1, np.zeros((8, *SHAPE), "f4"), 16, pose=shift_by(*shift)),
    ]
    found = stacked(tmp_path, layers, 24, pyramid_um=(20.0, 25.0))
    assert found.canvas.origin == (min(0, -shift[0]), min(0, -shift[1]))
    brightest = np.unravel_index(int(found.values.argmax()), found.values.shape)
    place = found.levels[0].translation + found.levels[0].scale * brightest
    np.testing.assert_allclose(place, at * VOXEL, atol=1e-9)
    assert [level.scale.tolist() for level in found.levels] == [list(VOXEL), [20] * 3, [25] * 3]
    for level in found.levels:
        weight = level.data / level.data.sum(dtype=np.float64)
        centroid = [(weight * i).sum(dtype=np.float64) for i in np.indices(level.data.shape)]
        place = level.translation + level.scale * np.array(centroid)
        # A shift by a single voxel would be 4 µm at least.
        np.testing.assert_allclose(place, at * VOXEL, atol=0.4)
    for level, labels in zip(found.levels, found.label_levels, strict=True):
        np.testing.assert_array_equal(level.translation, labels.translation)
        np.testing.assert_array_equal(level.scale, labels.scale)
        assert level.data.shape == labels.data.shape


def test_halved_levels_start_at_the_canvas_too(tmp_path: Path) -> None:
    block = np.zeros((2, 210, 220), np.uint16)
    block[:, 100:102, 40:42] = 1000
    layers = [measured(0, block, 0), measured(1, block, 2, pose=shift_by(6, 8))]
    found = stacked(tmp_path, layers, 4)
    assert len(found.levels) == 2
    for level in found.levels:
        bright = np.argwhere(level.data[0] == 1000).mean(axis=0)
        place = level.translation[1:] + level.scale[1:] * bright
        np.testing.assert_allclose(place, [100.5 * 4, 40.5 * 5])


def test_a_voxel_that_is_no_number_stays_one_voxel_where_nothing_moves(tmp_path: Path) -> None:
    above, below = constant(1000, 13), constant(3000, 10)
    above[11, 5, 6] = below[1, 30, 40] = below[7, 2, 3] = np.nan
    layers = [measured(0, above, 0, 10), measured(1, below, 10)]
    found = stacked(tmp_path, layers, 20, blend_depth_um=30.0, match_intensity=True)
    assert np.isfinite(found.values).all()
    assert [tuple(p) for p in np.argwhere(found.labels == GAP).tolist()] == [(17, 2, 3)]
    assert found.values[17, 2, 3] == 0
    # Where two slices cross over, the one that has data speaks alone.
    assert (found.labels[11, 5, 6], found.labels[11, 30, 40]) == (MEASURED, MEASURED)
    assert found.factors[1] / found.factors[0] == pytest.approx(1 / 3, rel=1e-3)


def test_a_plane_without_a_number_is_a_gap(tmp_path: Path) -> None:
    block = constant(700, 4)
    block[2] = np.nan
    found = stacked(tmp_path, [measured(0, block, 0)], 4)
    assert np.unique(found.labels[2]).tolist() == [GAP]
    assert np.unique(found.labels[[0, 1, 3]]).tolist() == [MEASURED]
    assert not found.values[2].any()
