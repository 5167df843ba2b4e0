"""The canvas holds every slice and no more, refuses poses that explode, and grows outward."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from placed_slices import STILL, interpolated, measured, stacked
from slice_voxels import CENTER, SHAPE, Array, positive

from soct_core.affine import Affine2D, plane_center, shift_by
from soct_core.errors import VolumeError
from soct_core.stacking.canvas import Canvas, enclosing_canvas, enlarged, with_margin

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")
rigids = st.builds(
    lambda turn, x, y: Affine2D.rigid(turn, (x, y), CENTER),
    st.floats(-30, 30),
    st.floats(-25, 25),
    st.floats(-25, 25),
)
plane_shapes = st.tuples(st.integers(20, 60), st.integers(20, 60))


def corners_of(shape: tuple[int, int], pose: Affine2D) -> Array:
    """Where the corners of a plane lie in the volume, (4, 2), x-y."""
    y, x = shape[0] - 1, shape[1] - 1
    return pose.inverse().apply([[0, 0], [x, 0], [0, y], [x, y]])


@given(st.lists(st.tuples(rigids, plane_shapes), min_size=1, max_size=4))
@examples(max_examples=150, deadline=None)
def test_the_canvas_holds_all_corners_and_no_more(placed: list[tuple[Affine2D, tuple[int, int]]]) -> None:
    canvas = enclosing_canvas(placed)
    corners = np.concatenate([corners_of(shape, pose) for pose, shape in placed])
    low = corners.min(axis=0) - canvas.origin
    high = np.array(canvas.origin) + canvas.shape[::-1] - 1 - corners.max(axis=0)
    for margin in (low, high):
        assert (margin >= -1e-5).all()
        assert (margin < 1 + 1e-5).all()


@pytest.mark.parametrize(
    ("shape", "turn", "shift"),
    [((8, 120), 11.0, (0.0, 0.0)), ((40, 50), 10.0, (80.0, 0.0)), ((40, 50), 25.0, (0.0, -60.0))],
)
def test_the_canvas_holds_every_plane_of_an_interpolated_slice(
    tmp_path: Path, shape: tuple[int, int], turn: float, shift: tuple[float, float]
) -> None:
    # On the way from one pose to the other corners move on arcs, beyond both ends.
    below = Affine2D.rigid(turn, shift, plane_center(shape))
    block = np.ones((5, *shape), np.uint8)
    layers = [
        measured(0, block, 0),
        interpolated(1, block, 5, pose_below=below),
        measured(2, block, 10, pose=below),
    ]
    canvas = stacked(tmp_path, layers, 15).canvas
    corners = np.concatenate([corners_of(shape, layers[1].pose_at(plane)) for plane in range(5)])
    assert (corners - canvas.origin >= -1e-5).all()
    assert (np.array(canvas.origin) + canvas.shape[::-1] - 1 - corners >= -1e-5).all()


@pytest.mark.parametrize("shift", [(151.0, 0.0), (0.0, -121.0), (1e6, 0.0), (0.0, 1e30)])
def test_poses_that_explode_are_refused_and_nothing_is_written(
    tmp_path: Path, shift: tuple[float, float]
) -> None:
    layers = [measured(0, positive((2, *SHAPE)), 0), measured(1, positive((2, *SHAPE)), 2)]
    stacked(tmp_path / "still", layers, 4)
    layers[1] = measured(1, positive((2, *SHAPE)), 2, pose=shift_by(*shift))
    with pytest.raises(VolumeError, match="cannot be right"):
        stacked(tmp_path / "gone", layers, 4)
    assert not (tmp_path / "gone").exists()


def test_poses_up_to_four_sides_apart_are_not_refused() -> None:
    canvas = enclosing_canvas([(STILL, SHAPE), (shift_by(-150, 120), SHAPE)])
    assert canvas == Canvas((160, 200), (0, -120))


def test_a_canvas_grows_outward_only_where_it_must_and_then_with_room() -> None:
    old = Canvas((200, 300), (-5, -3))
    assert enlarged(old, Canvas((190, 290), (0, 0))) == old
    assert enlarged(old, old) == old
    assert enlarged(old, Canvas((10, 10), (-6, 0))) == Canvas((200, 359), (-64, -3))
    assert enlarged(old, Canvas((10, 10), (290, 0))) == Canvas((200, 325), (-5, -3))
    assert enlarged(old, Canvas((10, 10), (0, 190))) == Canvas((259, 300), (-5, -3))
    assert with_margin(Canvas((1000, 1037), (-7, 1))) == Canvas((1024, 1152), (-64, 0))
    assert with_margin(Canvas((10, 10), (0, 0))) == Canvas((16, 16), (0, 0))
