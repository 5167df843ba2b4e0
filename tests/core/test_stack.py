"""The stack: every voxel is where it was measured, and its label says what it is."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from counting_volume import CountingVolume
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from numpy.typing import NDArray
from placed_slices import STILL, VOXEL, interpolated, measured, stacked
from scipy import ndimage

from soct_core.affine import Affine2D, plane_center, shift_by
from soct_core.errors import VolumeError
from soct_core.stacking.blending import Span, spans
from soct_core.stacking.canvas import Canvas, enclosing_canvas
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.volume import provenance
from soct_core.volume.provenance import GAP, MEASURED
from soct_core.zmorph.morph import alphas

Array = NDArray[Any]
SHAPE = (40, 50)
CENTER = plane_center(SHAPE)
DEPTH = 6
"""Planes of a slot."""
DTYPES = ["u1", "i2", "u2", "i4", "u4", "u8", "f2", "f4", "f8"]


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Durability is not what is tested here, and costs most of the time."""
    monkeypatch.setattr("os.fsync", lambda _: None)


def noise(shape: tuple[int, int, int], dtype: str = "u2", seed: int = 0) -> Array:
    """Noise over the whole range of a dtype, so that any detour through another one shows."""
    rng = np.random.default_rng(seed)
    if dtype[0] == "f":
        return rng.normal(0, 1e3, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def positive(shape: tuple[int, int, int], seed: int = 0) -> Array:
    """Noise without a single 0, which would be padding."""
    return np.random.default_rng(seed).integers(1, 60_000, shape).astype(np.uint16)


def constant(value: float, planes: int, dtype: str = "f4") -> Array:
    """A slice of one value."""
    return np.full((planes, *SHAPE), value, dtype)


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


@pytest.mark.parametrize("dtype", DTYPES)
def test_six_aligned_slices_become_their_source_bit_for_bit(tmp_path: Path, dtype: str) -> None:
    source = noise((6 * DEPTH, *SHAPE), dtype)
    layers = [measured(i, source[i * DEPTH : (i + 1) * DEPTH], i * DEPTH) for i in range(6)]
    found = stacked(tmp_path, layers, 6 * DEPTH, blend_depth_um=50.0, match_intensity=True)
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
    np.testing.assert_array_equal(found.labels == 3, ramp[:, None, None] & (source != 0))


def test_the_labels_are_those_of_the_contract() -> None:
    numbers = provenance.GAP, provenance.MEASURED, provenance.INTERPOLATED, provenance.BLEND
    assert numbers == (0, 1, 2, 3)
    assert provenance.LABEL_NAME == "provenance"


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


def empty_layer(state: str, slice_id: int, top: int, nz: int, trusted: int) -> PlacedSlice:
    """A layer of which only depths matter."""
    volume = np.zeros((nz, 1, 1), np.uint8)
    if state == "interpolated":
        return interpolated(slice_id, volume, top)
    return measured(slice_id, volume, top, trusted)


@st.composite
def any_layers(draw: st.DrawFn) -> list[PlacedSlice]:
    """Layers that overlap, hide each other and leave gaps; no two measured ones of the same top."""
    tops = draw(st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True))
    layers = []
    for slice_id, top in enumerate(tops):
        nz = draw(st.integers(1, 14))
        layers.append(empty_layer("measured", slice_id, top, nz, draw(st.integers(1, nz))))
    for slice_id in range(50, 50 + draw(st.integers(0, 3))):
        nz = draw(st.integers(1, 14))
        layers.append(empty_layer("interpolated", slice_id, draw(st.integers(0, 30)), nz, nz))
    return draw(st.permutations(layers))


def claims(layers: list[PlacedSlice], depth: int) -> list[PlacedSlice | None]:
    """The measured slice that each plane belongs to: the one that begins last and is trusted there."""
    solid = [layer for layer in layers if layer.state == "measured"]
    trusted = [[layer for layer in solid if layer.top <= z < layer.bottom] for z in range(depth)]
    return [max(here, key=lambda layer: layer.top, default=None) for here in trusted]


@given(any_layers(), st.integers(1, 50), st.integers(0, 8))
@examples(max_examples=400, deadline=None)
def test_every_plane_has_exactly_one_owner_and_it_has_data_there(
    layers: list[PlacedSlice], depth: int, blend: int
) -> None:
    runs = spans(layers, depth, blend)
    assert [z for run in runs for z in range(run.first, run.last + 1)] == list(range(depth))
    for run in runs:
        assert run.first <= run.last
        assert run.owner is None or run.owner.top <= run.first <= run.last < run.owner.bottom


@given(any_layers(), st.integers(1, 50), st.integers(0, 8))
@examples(max_examples=400, deadline=None)
def test_measured_planes_are_never_given_to_interpolated_ones(
    layers: list[PlacedSlice], depth: int, blend: int
) -> None:
    runs = spans(layers, depth, blend)
    owners = [run.owner for run in runs for _ in range(run.first, run.last + 1)]
    for z, (found, wanted) in enumerate(zip(owners, claims(layers, depth), strict=True)):
        if wanted is not None:
            assert found is wanted, f"plane {z}"
        else:
            assert found is None or found.state == "interpolated", f"plane {z}"


def test_measured_beats_morphed_where_refinement_brought_them_together() -> None:
    # Trusted almost down to the next but one; z refinement then moved that one up by 5 planes.
    before, after = empty_layer("measured", 0, 0, 60, 38), empty_layer("measured", 2, 35, 40, 38)
    between = empty_layer("interpolated", 1, 38, 2, 2)
    assert spans([before, between, after], 73, 0) == [Span(0, 34, before), Span(35, 72, after)]


@given(any_layers(), st.integers(1, 50), st.integers(0, 8))
@examples(max_examples=400, deadline=None)
def test_ramps_lie_at_the_top_of_a_measured_slice_within_the_data_of_the_one_above(
    layers: list[PlacedSlice], depth: int, blend: int
) -> None:
    runs = spans(layers, depth, blend)
    for before, run in zip([None, *runs], runs, strict=False):
        if run.upper is None:
            continue
        assert run.owner is not None
        assert run.owner.state == run.upper.state == "measured"
        assert run.last - run.first < blend
        assert run.last < run.upper.top + run.upper.volume.shape[0]
        assert run.upper.top < run.owner.top
        # The one above is right above: it fades out, it does not come back.
        assert before is not None
        assert before.owner is run.upper
        assert run.first == run.owner.top


@pytest.mark.parametrize(
    ("blend", "nz_above", "planes_below", "ramp"),
    [
        pytest.param(5, 20, 10, 5, id="as deep as asked for"),
        pytest.param(5, 13, 10, 3, id="no deeper than the data above"),
        pytest.param(5, 20, 4, 4, id="no deeper than the slice below"),
        pytest.param(5, 10, 10, 0, id="nothing below the boundary"),
        pytest.param(0, 20, 10, 0, id="none asked for"),
    ],
)
def test_how_long_a_ramp_is(blend: int, nz_above: int, planes_below: int, ramp: int) -> None:
    above = empty_layer("measured", 0, 0, nz_above, 10)
    below = empty_layer("measured", 1, 10, planes_below, planes_below)
    runs = [(r.first, r.last) for r in spans([below, above], 20, blend) if r.upper is not None]
    assert runs == ([(10, 9 + ramp)] if ramp else [])


def test_no_ramp_across_a_gap_or_an_interpolated_slice() -> None:
    above, below = empty_layer("measured", 0, 0, 30, 10), empty_layer("measured", 2, 20, 10, 10)
    between = empty_layer("interpolated", 1, 10, 10, 10)
    assert spans([above, below], 30, 5) == [Span(0, 9, above), Span(10, 19, None), Span(20, 29, below)]
    assert spans([above, between, below], 30, 5) == [
        Span(0, 9, above),
        Span(10, 19, between),
        Span(20, 29, below),
    ]


@pytest.mark.parametrize(("blend_um", "planes"), [(50.0, 5), (30.0, 3), (10.0, 1), (200.0, 7)])
def test_slices_cross_over_on_a_hann_ramp(tmp_path: Path, blend_um: float, planes: int) -> None:
    layers = [measured(0, constant(1000, 17), 0, 10), measured(1, constant(3000, 10), 10)]
    found = stacked(tmp_path, layers, 20, blend_depth_um=blend_um)
    share = np.zeros(20)
    share[:10] = 1
    for k in range(planes):
        # Half a period of a Hann window, sampled at the middle of each plane.
        share[10 + k] = np.cos(np.pi * (k + 0.5) / (2 * planes)) ** 2
    wanted = share * 1000 + (1 - share) * 3000
    np.testing.assert_allclose(found.values[:, 20, 25], wanted, rtol=1e-6)
    assert np.ptp(found.values, axis=(1, 2)).max() == 0
    assert found.labels[:, 20, 25].tolist() == [1] * 10 + [3] * planes + [1] * (10 - planes)


@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_padding_is_never_blended(tmp_path: Path, dtype: str) -> None:
    above, below = constant(1000, 14, dtype), constant(3000, 10, dtype)
    above[:, :20], below[:, :, :30] = 0, 0
    found = stacked(tmp_path, [measured(0, above, 0, 10), measured(1, below, 10)], 20, blend_depth_um=40.0)
    ramp, labels = found.values[10:14], found.labels[10:14]
    assert np.unique(ramp[:, :20, :30]).tolist() == [0]
    assert np.unique(ramp[:, 20:, :30]).tolist() == [1000]
    assert np.unique(ramp[:, :20, 30:]).tolist() == [3000]
    both = np.zeros(SHAPE, bool)
    both[20:, 30:] = True
    assert ((ramp[:, both] > 1000) & (ramp[:, both] < 3000)).all()
    np.testing.assert_array_equal(labels, np.broadcast_to(np.where(both, 3, 1), labels.shape))


def test_a_ramp_shows_the_slice_above_where_the_one_below_does_not_reach(tmp_path: Path) -> None:
    # The slice below lies 10 px further to the right and 5 px further down.
    layers = [
        measured(0, constant(1000, 14), 0, 10),
        measured(1, constant(3000, 10), 10, pose=shift_by(-10, -5)),
    ]
    found = stacked(tmp_path, layers, 20, blend_depth_um=40.0)
    assert found.canvas == Canvas((45, 60), (0, 0))
    above, below = np.zeros((45, 60), bool), np.zeros((45, 60), bool)
    above[:40, :50], below[5:, 10:] = True, True
    ramp, labels = found.values[10:14], found.labels[10:14]
    assert np.unique(ramp[:, above & ~below]).tolist() == [1000]
    assert np.unique(ramp[:, below & ~above]).tolist() == [3000]
    assert np.unique(ramp[:, ~above & ~below]).tolist() == [0]
    wanted = np.where(above & below, 3, np.where(above | below, 1, 0))
    np.testing.assert_array_equal(labels, np.broadcast_to(wanted, labels.shape))
    # Below the ramp the slice above has no say, not even where nobody else has.
    assert not found.values[14:, ~below].any()
    assert not found.labels[14:, ~below].any()


def test_interpolated_planes_neither_dilute_nor_are_diluted(tmp_path: Path) -> None:
    above, made, below = positive((16, *SHAPE), 1), positive((6, *SHAPE), 2), positive((8, *SHAPE), 3)
    layers = [measured(0, above, 0, DEPTH), interpolated(1, made, DEPTH), measured(2, below, 12, DEPTH)]
    found = stacked(tmp_path, layers, 18, blend_depth_um=50.0, match_intensity=True)
    np.testing.assert_array_equal(found.values, np.concatenate([above[:6], made, below[:6]]))
    np.testing.assert_array_equal(found.labels[:, 0, 0], np.repeat([1, 2, 1], 6))
    assert np.ptp(found.labels, axis=(1, 2)).max() == 0
    assert found.factors == {0: 1.0, 2: 1.0}


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
    stacked(tmp_path, layers, 32, blend_depth_um=30.0, match_intensity=True)
    for volume in volumes:
        assert set(volume.chunk_reads.values()) == {1}
        # The last slice has nobody to fade into: what lies below its slot may stay unread.
        assert set(volume.planes) >= set(range(8 if volume is volumes[-1] else 11))


@pytest.mark.parametrize(
    ("above", "below", "factor"),
    [(2000, 1600, 1.25), (1600, 2000, 0.8), (9000, 1000, 2.0), (1000, 9000, 0.5), (1000, 1000, 1.0)],
)
def test_intensity_is_matched_within_a_factor_of_2(
    tmp_path: Path, above: int, below: int, factor: float
) -> None:
    layers = [measured(0, constant(above, 13, "u2"), 0, 10), measured(1, constant(below, 10, "u2"), 10)]
    found = stacked(tmp_path, layers, 20, blend_depth_um=30.0, match_intensity=True)
    assert found.factors == {0: 1.0, 1: pytest.approx(factor)}
    assert np.unique(found.values[:10]).tolist() == [above]
    assert np.unique(found.values[13:]).tolist() == [round(below * factor)]
    if 0.5 < factor < 2:
        assert np.unique(found.values[10:13]).tolist() == [above]
    assert stacked(tmp_path, layers, 20, blend_depth_um=30.0).factors == {0: 1.0, 1: 1.0}


def test_intensity_is_matched_down_the_chain_and_only_over_data(tmp_path: Path) -> None:
    blocks = [constant(value, 13, "u2") for value in (1000, 800, 1600)]
    blocks[1][:, :, 25:] = 0
    layers = [measured(i, block, 10 * i, 10) for i, block in enumerate(blocks)]
    found = stacked(tmp_path, layers, 30, blend_depth_um=30.0, match_intensity=True)
    assert found.factors == {0: 1.0, 1: pytest.approx(1.25), 2: pytest.approx(0.625)}
    assert np.unique(found.values[:, :, :25]).tolist() == [1000]


def test_slices_that_do_not_overlap_are_not_matched(tmp_path: Path) -> None:
    layers = [measured(0, constant(900, 10, "u2"), 0), measured(1, constant(300, 10, "u2"), 10)]
    found = stacked(tmp_path, layers, 20, blend_depth_um=30.0, match_intensity=True)
    assert found.factors == {0: 1.0, 1: 1.0}
    assert np.unique(found.values[10:]).tolist() == [300]


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
    assert found.factors[1] == 0.5


def test_a_plane_without_a_number_is_a_gap(tmp_path: Path) -> None:
    block = constant(700, 4)
    block[2] = np.nan
    found = stacked(tmp_path, [measured(0, block, 0)], 4)
    assert np.unique(found.labels[2]).tolist() == [GAP]
    assert np.unique(found.labels[[0, 1, 3]]).tolist() == [MEASURED]
    assert not found.values[2].any()
