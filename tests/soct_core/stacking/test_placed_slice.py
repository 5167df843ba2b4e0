"""A placed slice on the canvas: whole pixels moved, other poses interpolated, each chunk read once."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from counting_volume import CountingVolume
from placed_slices import interpolated, measured, stacked
from scipy import ndimage
from slice_voxels import CENTER, SHAPE, Array, constant, noise, positive

from soct_core.affine import Affine2D, shift_by
from soct_core.stacking.canvas import Canvas
from soct_core.volume.provenance import GAP, MEASURED
from soct_core.zmorph.morph import alphas

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


def bilinear(plane: Array, degrees: float, shift: tuple[float, float], canvas: Canvas) -> Array:
    """`out(v) = plane(R (v - c) + c + s)` on a canvas, by scipy; NaN outside."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    # In (y, x) order.
    matrix = np.array([[cos, sin], [-sin, cos]])
    center, by = np.array(CENTER[::-1]), np.array(shift[::-1])
    offset = matrix @ (np.array(canvas.origin[::-1]) - center) + center + by
    moved: Array = ndimage.affine_transform(
        plane.astype(np.float64), matrix, offset, canvas.shape, order=1, mode="constant", cval=np.nan
    )
    return moved


@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "u8", "f2", "f8"])
@pytest.mark.parametrize("shift", [(3, -2), (-7, 11)])
def test_whole_pixels_are_moved_not_interpolated(tmp_path: Path, dtype: str, shift: tuple[int, int]) -> None:
    first, second = noise((2, *SHAPE), dtype, 1), noise((2, *SHAPE), dtype, 2)
    dx, dy = shift
    # A pose leads from the volume to the slice: pixel 0 of the slice lies at -shift.
    found = stacked(tmp_path, [measured(0, first, 0), measured(1, second, 2, pose=shift_by(dx, dy))], 4)
    assert found.canvas == Canvas((40 + abs(dy), 50 + abs(dx)), (min(0, -dx), min(0, -dy)))
    wanted = np.zeros((4, *found.canvas.shape), first.dtype)
    x, y = max(0, dx), max(0, dy)
    wanted[:2, y : y + 40, x : x + 50] = first
    x, y = x - dx, y - dy
    wanted[2:, y : y + 40, x : x + 50] = second
    assert found.values.tobytes() == wanted.tobytes()
    assert found.labels.sum() == 4 * 40 * 50


def test_a_window_moves_by_its_offset_and_takes_the_rest_from_the_pose(tmp_path: Path) -> None:
    block = positive((1, *SHAPE))
    layers = [measured(0, block, 0, offset=(4, 9)), measured(1, block, 1, pose=shift_by(-1, 2))]
    found = stacked(tmp_path, layers, 2)
    assert found.canvas.origin == (1, -2)
    np.testing.assert_array_equal(found.values[0, 11:51, 3:53], block[0])
    np.testing.assert_array_equal(found.values[1, 0:40, 0:50], block[0])


@pytest.mark.parametrize(
    ("degrees", "shift"),
    [(0.0, (0.5, 0.0)), (0.0, (-0.3, 0.7)), (4.0, (0.0, 0.0)), (-7.5, (2.3, -5.8)), (90.0, (0.0, 0.0))],
)
@pytest.mark.parametrize("dtype", ["u2", "f4", "f8"])
def test_other_poses_interpolate_linearly(
    tmp_path: Path, dtype: str, degrees: float, shift: tuple[float, float]
) -> None:
    block = noise((1, *SHAPE), dtype)
    found = stacked(tmp_path, [measured(0, block, 0, pose=Affine2D.rigid(degrees, shift, CENTER))], 1)
    wanted = bilinear(block[0], degrees, shift, found.canvas)
    # The outermost pixels may count as in or out.
    inside = ndimage.binary_erosion(np.isfinite(wanted))
    assert inside.sum() > 1500
    # Of float32 planes the coordinates are float32 too: good to 1e-5 px here, times steps of noise.
    rounding = 1.01 if dtype == "u2" else 5e-2 if dtype == "f4" else 1e-6
    np.testing.assert_allclose(found.values[0][inside], wanted[inside], rtol=0, atol=rounding)
    assert (found.labels[0][inside] == 1).all()


def test_voxels_outside_a_slice_are_0_and_labelled_0(tmp_path: Path) -> None:
    pose = Affine2D.rigid(20.0, (3.3, -1.8), CENTER)
    found = stacked(tmp_path, [measured(0, constant(500, 2, "u2"), 0, pose=pose)], 2)
    y, x = np.indices(found.canvas.shape)
    cos, sin = np.cos(np.deg2rad(20)), np.sin(np.deg2rad(20))
    u, v = x + found.canvas.origin[0] - CENTER[0], y + found.canvas.origin[1] - CENTER[1]
    at_x, at_y = cos * u - sin * v + CENTER[0] + 3.3, sin * u + cos * v + CENTER[1] - 1.8
    inside = (at_x >= 0) & (at_x <= 49) & (at_y >= 0) & (at_y <= 39)
    assert (~inside).sum() > 200
    for z in range(2):
        np.testing.assert_array_equal(found.labels[z], inside.astype(np.uint8))
        np.testing.assert_array_equal(found.values[z], np.where(inside, 500, 0))


def test_an_interpolated_slice_leads_from_pose_to_pose(tmp_path: Path) -> None:
    plane = noise((1, *SHAPE), "f8")
    block = np.repeat(plane, 5, axis=0)
    before, after = Affine2D.rigid(4.0, (2.5, -3.0), CENTER), Affine2D.rigid(-6.0, (-4.0, 1.5), CENTER)
    layers = [
        measured(0, block, 0, pose=before),
        interpolated(1, block, 5, before, after),
        measured(2, block, 10, pose=after),
    ]
    found = stacked(tmp_path, layers, 15)
    np.testing.assert_allclose(found.values[5], found.values[4], atol=1e-6)
    np.testing.assert_allclose(found.values[9], found.values[10], atol=1e-6)
    assert all(np.abs(a - b).max() > 1 for a, b in pairwise(found.values[5:10]))
    assert np.unique(found.labels[5:10]).tolist() == [0, 2]
    # The motion from one plane to the next is the same all the way down.
    poses = [layers[1].pose_at(plane) for plane in range(5)]
    steps = [b.compose(a.inverse()) for a, b in pairwise(poses)]
    for step in steps[1:]:
        np.testing.assert_allclose(
            step.apply([[0, 0], [49, 39]]), steps[0].apply([[0, 0], [49, 39]]), atol=1e-9
        )


@pytest.mark.parametrize(("sampling", "middle"), [("boundary", [0, 2.5, 5, 7.5, 10]), ("interior", None)])
def test_a_turn_about_the_centre_is_shared_out_evenly(
    tmp_path: Path, sampling: str, middle: list[float] | None
) -> None:
    degrees = middle or [10 * k / 6 for k in range(1, 6)]
    block = noise((5, *SHAPE), "f8")
    turned = Affine2D.rigid(10.0, (0, 0), CENTER)
    layer = interpolated(1, block, 0, pose_below=turned, alphas=alphas(5, sampling))
    found = stacked(tmp_path, [layer], 5)
    for z, angle in enumerate(degrees):
        wanted = bilinear(block[z], angle, (0, 0), found.canvas)
        inside = ndimage.binary_erosion(np.isfinite(wanted))
        assert inside.sum() > 1500
        np.testing.assert_allclose(found.values[z][inside], wanted[inside], atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 3, 4, 8, 100])
@pytest.mark.parametrize("turn", [0.0, 2.0])
def test_every_chunk_is_read_once(tmp_path: Path, chunk: int, turn: float) -> None:
    volumes = [CountingVolume(positive((11, *SHAPE), i), chunk) for i in range(4)]
    pose = Affine2D.rigid(turn, (0, 0), CENTER)
    layers = [measured(i, volume, 8 * i, 8, pose) for i, volume in enumerate(volumes)]
    stacked(tmp_path, layers, 32, blend_depth_um=30.0)
    for volume in volumes:
        assert set(volume.chunk_reads.values()) == {1}
        # The last slice has nobody to fade into: what lies below its slot may stay unread.
        assert set(volume.planes) >= set(range(8 if volume is volumes[-1] else 11))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("pose", [shift_by(0.3, 0.0), Affine2D.rigid(7.0, (1.3, 0.4), CENTER)])
def test_a_voxel_that_is_no_number_leaves_its_neighbours_alone(
    tmp_path: Path, dtype: str, bad: float, pose: Affine2D
) -> None:
    sound = np.random.default_rng(0).uniform(500, 600, (1, *SHAPE)).astype(dtype)
    spoiled = sound.copy()
    spoiled[0, 17, 23] = bad
    healthy = stacked(tmp_path / "a", [measured(0, sound, 0, pose=pose)], 1)
    found = stacked(tmp_path / "b", [measured(0, spoiled, 0, pose=pose)], 1)
    assert np.isfinite(found.values).all()
    at = pose.inverse().apply([23, 17]) - found.canvas.origin
    differs = np.argwhere((found.values != healthy.values)[0])
    assert np.abs(differs[:, ::-1] - at).max() < 1.5
    lost = (found.labels == GAP) & (healthy.labels == MEASURED)
    assert lost.sum() <= 1
    assert (found.values[lost] == 0).all()
    kept = found.labels == MEASURED
    assert found.values[kept].min() >= 500
    assert found.values[kept].max() <= 600
