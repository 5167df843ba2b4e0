"""The plan: which pairs, which gaps, which windows; and what is refused before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from counting_volume import CountingVolume
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from numpy.typing import NDArray

from schemas.common_space import Window
from schemas.handoffs import DetectedGaps, InterpolationOutcome
from schemas.run_record import GapRecord
from schemas.settings import PairwiseSettings, ReconstructSettings
from soct_core import slice_config
from soct_core.acquisition.stage_shifts import CommonSpace, common_space
from soct_core.errors import AcquisitionError, ShiftsError, VolumeError
from soct_core.pairwise.pairs import pairs_to_register
from soct_core.run.input_warnings import input_warnings
from soct_core.run.plan import Planner
from soct_core.stages import interpolate_missing_slice
from soct_core.storage.safe_paths import refuse_output_among_inputs
from soct_core.volume.views import seen_through, trusted_part
from soct_core.volume.writing import write_image

Array = NDArray[Any]
Xy = tuple[float, float]
Roles = dict[tuple[int, int], str]
PIXEL = (20.0, 25.0)
"""Of a slice, (x, y) in µm."""
VOXEL = (50.0, 25.0, 20.0)
"""Four planes a slot of 200 µm."""


@pytest.mark.parametrize(
    ("measured", "interpolated", "skip", "wanted"),
    [
        pytest.param(
            [0, 1, 2, 3],
            [],
            [],
            {(0, 1): "n", (1, 2): "n", (2, 3): "n", (0, 2): "c", (1, 3): "c"},
            id="no gap",
        ),
        pytest.param(
            [0, 1, 3, 4],
            [],
            [],
            {(0, 1): "n", (1, 3): "n", (3, 4): "n", (0, 3): "c", (1, 4): "c"},
            id="a gap that stayed one",
        ),
        pytest.param(
            [0, 1, 3, 4],
            [2],
            [],
            {(0, 1): "n", (1, 2): "n", (2, 3): "n", (1, 3): "b", (3, 4): "n", (0, 3): "c", (1, 4): "c"},
            id="a gap that was filled",
        ),
        pytest.param(
            [0, 2, 4],
            [1, 3],
            [],
            {(0, 1): "n", (1, 2): "n", (0, 2): "b", (2, 3): "n", (3, 4): "n", (2, 4): "b", (0, 4): "c"},
            id="two gaps in turn",
        ),
        pytest.param(
            [0, 1, 5, 6],
            [],
            [],
            {(0, 1): "n", (1, 5): "n", (5, 6): "n"},
            id="a multi gap, too far across for checks",
        ),
        pytest.param(
            [0, 1, 4, 5],
            [],
            [],
            {(0, 1): "n", (1, 4): "n", (4, 5): "n", (0, 4): "c", (1, 5): "c"},
            id="a multi gap, checks of four slots",
        ),
        pytest.param(
            [0, 1, 2, 3, 4],
            [],
            [2],
            {(0, 1): "n", (1, 2): "n", (2, 3): "n", (1, 3): "b", (3, 4): "n", (0, 3): "c", (1, 4): "c"},
            id="an excluded slice is bridged and judges nobody",
        ),
        pytest.param(
            [0, 1, 3],
            [2],
            [0],
            {(0, 1): "n", (1, 2): "n", (2, 3): "n", (1, 3): "b"},
            id="an excluded slice at the end",
        ),
        pytest.param([7], [], [], {}, id="one slice"),
        pytest.param([7, 9], [], [], {(7, 9): "n"}, id="two slices"),
        pytest.param([7, 9], [8], [], {(7, 8): "n", (8, 9): "n", (7, 9): "b"}, id="two slices and a filling"),
    ],
)
def test_which_pairs_are_registered_and_why(
    measured: list[int], interpolated: list[int], skip: list[int], wanted: dict[tuple[int, int], str]
) -> None:
    names = {"n": "neighbours", "b": "bridge", "c": "check"}
    found = pairs_to_register(reversed(measured), interpolated, skip)
    at = [(pair.fixed_id, pair.moving_id) for pair in found]
    assert {place: pair.role for place, pair in zip(at, found, strict=True)} == {
        place: names[role] for place, role in wanted.items()
    }
    assert at == sorted(set(at))
    without = pairs_to_register(measured, interpolated, skip, checks=False)
    assert without == [pair for pair in found if pair.role != "check"]


@given(st.sets(st.integers(0, 25), min_size=1), st.data())
@examples(max_examples=150, deadline=None)
def test_no_chain_hangs_on_slices_that_must_not_steer(measured: set[int], data: st.DataObject) -> None:
    gaps = [i for i in range(26) if i not in measured and {i - 1, i + 1} <= measured]
    interpolated = data.draw(st.sets(st.sampled_from(gaps))) if gaps else set()
    skip = data.draw(st.sets(st.sampled_from(sorted(measured))))
    pairs = {(p.fixed_id, p.moving_id): p.role for p in pairs_to_register(measured, interpolated, skip)}
    carriers = sorted(measured - skip)
    for above, below in pairwise(carriers):
        assert pairs[above, below] in ("neighbours", "bridge")
    for above, below in pairwise(sorted(measured | interpolated)):
        assert pairs[above, below] == "neighbours"
    for (above, below), role in pairs.items():
        assert above < below
        if role != "neighbours":
            assert {above, below} <= set(carriers)
        if role == "check":
            assert below - above <= 4
            assert sum(above < i < below for i in carriers) == 1


@pytest.mark.parametrize(
    "output",
    [
        ".",
        "..",
        "../..",
        "slices",
        "slices/deeper/still",
        "slice_z00.ome.zarr",
        "slice_z00.ome.zarr/0/c",
        "../other/volume.zarr/out",
        "link",
        "out/../slices",
        "notes.txt",
    ],
)
def test_output_never_lands_among_the_input(tmp_path: Path, output: str) -> None:
    acquisition = tmp_path / "deep" / "mouse"
    (acquisition / "slice_z00.ome.zarr").mkdir(parents=True)
    (acquisition / "link").symlink_to(acquisition)
    (acquisition / "notes.txt").write_text("dear")
    with pytest.raises(AcquisitionError, match=r"among the input|is a file"):
        refuse_output_among_inputs(acquisition / output, acquisition)


@pytest.mark.parametrize("output", ["reconstruction", "out/deep", "../other", "../mouse2", "slices2"])
def test_other_outputs_are_fine(tmp_path: Path, output: str) -> None:
    acquisition = tmp_path / "deep" / "mouse"
    (acquisition / "reconstruction").mkdir(parents=True)
    refuse_output_among_inputs(acquisition / output, acquisition)


def acquisition_of(folder: Path, depths: Mapping[int, int], shape: tuple[int, int] = (24, 30)) -> Path:
    """Slices of noise with so many planes each."""
    rng = np.random.default_rng(0)
    for slice_id, nz in depths.items():
        data = rng.integers(1, 1000, (nz, *shape)).astype(np.uint16)
        write_image(folder / f"slice_z{slice_id:02d}.ome.zarr", data, VOXEL)
    return folder


def planner_of(folder: Path, shifts: Path | None = None, **settings: Any) -> Planner:
    """A planner with the defaults but for some settings."""
    return Planner.of(folder, None, ReconstructSettings.model_validate(settings), None, False, shifts)


def found_by(planner: Planner, *single: int) -> DetectedGaps:
    """What gap detection would hand to the planner."""
    return DetectedGaps(
        used=planner.measured, excluded=(), gaps=GapRecord(single=tuple(single), multi=((6, 7),))
    )


@pytest.mark.parametrize(
    ("usable_um", "nz_before", "missing", "usable"),
    [
        pytest.param(None, 4, 4, 4, id="one slot"),
        pytest.param(None, 12, 4, 4, id="imaged deeper than trusted"),
        pytest.param(300.0, 12, 2, 6, id="half covered"),
        pytest.param(400.0, 7, 1, 7, id="covered but for one plane"),
        pytest.param(400.0, 8, 0, 8, id="just covered"),
        pytest.param(500.0, 12, -2, 10, id="more than covered"),
    ],
)
def test_what_is_missing_in_a_gap_is_filled_right_below_the_trusted_data(
    tmp_path: Path, usable_um: float | None, nz_before: int, missing: int, usable: int
) -> None:
    folder = acquisition_of(tmp_path / "mouse", {0: 4, 1: nz_before, 3: 4})
    planner = planner_of(folder, usable_depth_um=usable_um)
    ((name, job),) = planner.interpolation_jobs(found_by(planner, 2))
    assert name == "interpolate z02"
    assert (job.output_z, job.usable_before) == (missing, usable)
    assert (job.before.name, job.after.name) == ("slice_z01.ome.zarr", "slice_z03.ome.zarr")
    if missing > 0:
        return
    before = sorted(tmp_path.rglob("*"))
    outcome = interpolate_missing_slice.run(job)
    assert outcome.result == "already_covered"
    assert (outcome.volume, outcome.fragment, outcome.reason) == (None, None, None)
    assert sorted(tmp_path.rglob("*")) == before
    trail = planner.finalise_job(found_by(planner, 2), [outcome])
    assert "already covered" in trail.notes[2]
    assert trail.fragments == ()
    assert all("2 slices" in trail.notes[i] for i in (6, 7))


def test_nothing_is_interpolated_when_disabled(tmp_path: Path) -> None:
    folder = acquisition_of(tmp_path / "mouse", {0: 4, 2: 4})
    planner = planner_of(folder, interpolation={"enabled": False})
    assert planner.interpolation_jobs(found_by(planner, 1)) == []


def test_pairs_lie_as_deep_below_each_other_as_their_slots(tmp_path: Path) -> None:
    # 210 µm a slot: 4.2 planes, so that tops are rounded one by one.
    folder = acquisition_of(tmp_path / "mouse", {3: 5, 4: 5, 6: 5, 9: 5})
    table = slice_config.from_ids([3, 4, 6, 9])
    table.loc[table["slice_id"] == 6, "auto_excluded"] = True
    slice_config.write(folder / "slice_config.csv", table)
    planner = planner_of(folder, slicing_interval_um=210.0)
    made = InterpolationOutcome(slice_id=5, result="interpolated", volume=tmp_path / "made.ome.zarr")
    skipped = InterpolationOutcome(slice_id=7, result="hard_skip", reason="low_overlap_ncc")
    jobs = dict(planner.pair_jobs([made, skipped]))
    # Tops at 0, 4.2, 12.6 and 25.2 planes.
    assert {name: (job.offset, job.role, job.touches_interpolated) for name, job in jobs.items()} == {
        "register z03-z04": (4.0, "neighbours", False),
        "register z04-z05": (4.0, "neighbours", True),
        "register z05-z06": (5.0, "neighbours", True),
        "register z06-z09": (12.0, "neighbours", False),
        "register z04-z09": (21.0, "bridge", False),
    }
    assert jobs["register z04-z05"].moving == tmp_path / "made.ome.zarr"
    assert jobs["register z04-z05"].settings == PairwiseSettings()


def test_pairs_wait_for_a_slice_that_is_still_to_be_interpolated(tmp_path: Path) -> None:
    folder = acquisition_of(tmp_path / "mouse", {0: 4, 1: 4, 3: 4, 4: 4})
    planner = planner_of(folder)
    made = InterpolationOutcome(slice_id=2, result="interpolated", volume=tmp_path / "m.ome.zarr")
    before, after = dict(planner.pair_jobs([], pending={2})), dict(planner.pair_jobs([made]))
    assert after.keys() - before.keys() == {"register z01-z02", "register z02-z03"}
    # The same jobs: what was done while slice 2 was pending need not be done again.
    assert before == {name: after[name] for name in before}


def test_windows_reach_every_job_that_reads_a_measured_slice(tmp_path: Path) -> None:
    folder = acquisition_of(tmp_path / "mouse", {0: 4, 1: 4, 3: 4})
    shifts = write_shifts(folder, {(0, 1): (3.0, -2.0), (1, 2): (1.25, 0.0), (2, 3): (1.0, 0.0)}, mm=False)
    planner = planner_of(folder, shifts)
    assert {i: w.offset for i, w in planner.space.windows.items()} == {0: (5, 0), 1: (2, 2), 3: (0, 2)}
    ((_, job),) = planner.interpolation_jobs(found_by(planner, 2))
    assert (job.window_before, job.window_after) == (planner.space.windows[1], planner.space.windows[3])
    made = InterpolationOutcome(slice_id=2, result="interpolated", volume=tmp_path / "m.ome.zarr")
    jobs = dict(planner.pair_jobs([made]))
    # An interpolated slice lies on the canvas already.
    assert jobs["register z01-z02"].window_fixed == planner.space.windows[1]
    assert jobs["register z01-z02"].window_moving is None
    assert jobs["register z01-z03"].window_moving == planner.space.windows[3]
    assert planner.stack_job(tmp_path / "final.csv", [made], []).windows == planner.space.windows
    assert input_warnings(planner, found_by(planner)) == (
        "slices 06, 07 are missing in a row: not interpolated, left as a gap",
    )
    unasked = input_warnings(planner_of(folder), found_by(planner))
    assert [("shifts_xy.csv" in w, "--shifts" in w) for w in unasked] == [(False, False), (True, True)]


indices = st.one_of(
    st.integers(-9, 8),
    st.builds(
        slice,
        st.none() | st.integers(-14, 14),
        st.none() | st.integers(-14, 14),
        st.none() | st.sampled_from([1, 2, 3, -1, -2]),
    ),
)


def limited(index: int | slice, size: int) -> int | slice:
    """The index, brought within an axis if it is a number."""
    return index % size if isinstance(index, int) and not -size <= index < size else index


@given(st.integers(1, 12), indices, st.lists(indices, max_size=2))
@example(4, slice(-6, None, -1), [])
@examples(max_examples=300, deadline=None)
def test_the_top_of_a_slice_slices_like_an_array_of_its_planes(
    planes: int, first: int | slice, rest: list[int | slice]
) -> None:
    data = np.arange(9 * 5 * 4).reshape(9, 5, 4)
    top, wanted = trusted_part(data, planes), data[:planes]
    assert (top.shape, top.dtype) == (wanted.shape, wanted.dtype)
    index = tuple(limited(i, n) for i, n in zip([first, *rest], wanted.shape, strict=False))
    np.testing.assert_array_equal(top[index], wanted[index])
    np.testing.assert_array_equal(top[index[0]], wanted[index[0]])


@pytest.mark.parametrize("plane", [4, 8, -5, 100])
def test_there_is_no_plane_below_the_top_of_a_slice(plane: int) -> None:
    volume = CountingVolume(np.zeros((9, 5, 4)))
    with pytest.raises(IndexError):
        trusted_part(volume, 4)[plane]
    assert not volume.planes


def test_only_what_is_sliced_is_read() -> None:
    volume = CountingVolume(np.ones((9, 5, 4)))
    trusted_part(volume, 6)[-2:]
    assert set(volume.planes) == {4, 5}
    seen_through(volume, Window(offset=(3, 2), plane_shape=(9, 9)))[7]
    assert set(volume.planes) == {4, 5, 7}


@given(
    st.tuples(st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    indices,
    st.lists(indices, max_size=2),
)
@example((1, 0), (2, 0), 3, [slice(1, 3)])
@examples(max_examples=300, deadline=None)
def test_a_window_slices_like_the_slice_padded_with_zeros(
    offset: tuple[int, int], beyond: tuple[int, int], first: int | slice, rest: list[int | slice]
) -> None:
    data = np.arange(1, 9 * 5 * 4 + 1).reshape(9, 5, 4)
    x, y = offset
    plane_shape = (y + 5 + beyond[1], x + 4 + beyond[0])
    wanted = np.pad(data, ((0, 0), (y, beyond[1]), (x, beyond[0])))
    window = seen_through(data, Window(offset=offset, plane_shape=plane_shape))
    assert (window.shape, window.dtype) == (wanted.shape, wanted.dtype)
    index = tuple(limited(i, n) for i, n in zip([first, *rest], wanted.shape, strict=False))
    np.testing.assert_array_equal(window[index], wanted[index])
    np.testing.assert_array_equal(window[index[0]], wanted[index[0]])


def test_what_lies_beside_a_slice_was_not_imaged() -> None:
    data = np.zeros((3, 4, 5), np.uint16)
    seen = seen_through(data, Window(offset=(2, 1), plane_shape=(6, 9)))
    inside = np.zeros((6, 9), bool)
    inside[1:5, 2:7] = True
    assert seen.stored is not None
    for index in (0, -1, slice(1, 3)):
        found = np.asarray(seen.stored[index])
        assert found.dtype == bool
        assert (found == inside).all()
    assert seen.stored.shape == seen.shape
    assert seen.stored.stored is None


def test_a_gap_that_any_slice_above_covers_is_covered(tmp_path: Path) -> None:
    # Slice 2 is short; slice 1 is trusted through slots 2 and 3.
    folder = acquisition_of(tmp_path / "mouse", {0: 4, 1: 14, 2: 2, 4: 4})
    planner = planner_of(folder, usable_depth_um=600.0)
    ((_, job),) = planner.interpolation_jobs(found_by(planner, 3))
    assert job.output_z == 0
    planner = planner_of(folder, usable_depth_um=400.0)
    ((_, job),) = planner.interpolation_jobs(found_by(planner, 3))
    assert job.output_z > 0


def test_the_trail_says_why_a_gap_was_not_tried(tmp_path: Path) -> None:
    folder = acquisition_of(tmp_path / "mouse", {0: 4, 1: 4, 3: 4})
    planner = planner_of(folder, interpolation={"enabled": False})
    notes = planner.finalise_job(found_by(planner, 2), []).notes
    assert notes[2] == "missing; interpolation is switched off"
    assert 2 not in planner_of(folder).finalise_job(found_by(planner, 2), []).notes


@pytest.mark.parametrize(("offset", "shape"), [((-1, 0), (9, 9)), ((0, 5), (9, 9)), ((6, 0), (9, 9))])
def test_a_slice_that_leaves_its_canvas_is_refused(offset: tuple[int, int], shape: tuple[int, int]) -> None:
    with pytest.raises(VolumeError, match="leaves the canvas"):
        seen_through(np.zeros((2, 5, 4)), Window(offset=offset, plane_shape=shape))


def test_without_a_window_a_slice_is_itself() -> None:
    data = np.zeros((2, 5, 4))
    assert seen_through(data, None) is data


def write_shifts(
    folder: Path,
    links: Mapping[tuple[int, int], Xy],
    *,
    mm: bool = True,
    unreliable: tuple[tuple[int, int], ...] = (),
) -> Path:
    """`shifts_xy.csv` from shifts in pixels; where mm are given, pixels are nonsense."""
    rows = ["fixed_id,moving_id,x_shift,y_shift,x_shift_mm,y_shift_mm,reliable"]
    for (fixed, moving), (x, y) in links.items():
        flag = "false" if (fixed, moving) in unreliable else ""
        in_mm = f"{x * PIXEL[0] / 1000!r},{y * PIXEL[1] / 1000!r}"
        cells = f"777,-777,{in_mm}" if mm else f"{x!r},{y!r},,"
        rows.append(f"{fixed},{moving},{cells},{flag}")
    path = folder / "shifts_xy.csv"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    return path


def links_between(origins: Mapping[int, Xy], ids: list[int]) -> dict[tuple[int, int], Xy]:
    """shift = origin(fixed) - origin(moving), for every two in a row."""
    return {(a, b): (origins[a][0] - origins[b][0], origins[a][1] - origins[b][1]) for a, b in pairwise(ids)}


def place(space: CommonSpace, slice_id: int) -> Array:
    """Where a slice's pixel (0, 0) lies on the canvas, whole pixels and rest, (x, y)."""
    window = space.windows[slice_id]
    return np.add(window.offset, window.rest)


def assert_reproduces(space: CommonSpace, origins: Mapping[int, Xy], atol: float = 1e-6) -> None:
    """All slices lie to each other as their stage positions do."""
    ids = sorted(space.windows)
    for i in ids[1:]:
        wanted = np.subtract(origins[i], origins[ids[0]])
        np.testing.assert_allclose(place(space, i) - place(space, ids[0]), wanted, atol=atol)


stage = st.tuples(st.floats(-300, 300), st.floats(-300, 300))


@given(
    st.dictionaries(st.integers(0, 40), stage, min_size=2, max_size=8),
    st.booleans(),
    st.booleans(),
    st.data(),
)
@examples(max_examples=80, deadline=None)
def test_stage_positions_come_back_whole_pixels_and_rest(
    tmp_path_factory: pytest.TempPathFactory,
    origins: dict[int, Xy],
    mm: bool,
    reverse: bool,
    data: st.DataObject,
) -> None:
    ids = sorted(origins)
    links = links_between(origins, ids)
    if reverse:
        links = {(b, a): (-x, -y) for (a, b), (x, y) in reversed(links.items())}
    path = write_shifts(tmp_path_factory.mktemp("stage"), links, mm=mm)
    # Slices that are not used carry the chain on all the same.
    used = data.draw(st.sets(st.sampled_from(ids), min_size=1))
    shapes = {i: (50 + i, 70 - i) for i in used}
    space = common_space(path, shapes, PIXEL)
    assert space.warnings == ()
    assert set(space.windows) == used
    assert_reproduces(space, origins)
    canvas = {window.plane_shape for window in space.windows.values()}
    assert len(canvas) == 1
    ((height, width),) = canvas
    offsets = {i: window.offset for i, window in space.windows.items()}
    assert min(x for x, _ in offsets.values()) == min(y for _, y in offsets.values()) == 0
    # As large as it must be, and no larger.
    assert max(x + shapes[i][1] for i, (x, _) in offsets.items()) == width
    assert max(y + shapes[i][0] for i, (_, y) in offsets.items()) == height
    for window in space.windows.values():
        assert max(map(abs, window.rest)) <= 0.5 + 1e-9


def test_slices_cut_out_of_one_plane_lie_over_it_again(tmp_path: Path) -> None:
    plane = np.random.default_rng(0).integers(1, 1000, (90, 100))
    origins = {0: (12.0, 7.0), 1: (9.0, 12.0), 2: (40.0, 0.0), 3: (15.0, 31.0)}
    path = write_shifts(tmp_path, links_between(origins, [0, 1, 2, 3]))
    space = common_space(path, dict.fromkeys((0, 1, 3), (40, 50)), PIXEL)
    for slice_id, window in space.windows.items():
        x, y = (int(v) for v in origins[slice_id])
        seen = seen_through(plane[None, y : y + 40, x : x + 50], window)[0]
        # The canvas begins at the least position of the slices used: (9, 7).
        whole = plane[7 : 7 + seen.shape[0], 9 : 9 + seen.shape[1]]
        assert (seen > 0).sum() == 40 * 50
        np.testing.assert_array_equal(seen[seen > 0], whole[seen > 0])


def test_mm_are_preferred_to_pixels_axis_by_axis(tmp_path: Path) -> None:
    path = tmp_path / "shifts_xy.csv"
    path.write_text(
        "fixed_id,moving_id,x_shift,y_shift,x_shift_mm,y_shift_mm\n"
        "0,1,5,6,0.2,\n"  # 10 px of 20 µm; 6 px
        "1,2,5,6,,-0.1\n"  # 5 px; -4 px of 25 µm
        "2,3,,,0.0,0.05\n"  # 0 px; 2 px
    )
    space = common_space(path, dict.fromkeys(range(4), (10, 10)), PIXEL)
    assert_reproduces(space, {0: (0, 0), 1: (-10, -6), 2: (-15, -2), 3: (-15, -4)})


def test_a_chain_over_excluded_slices_does_not_skip_their_shifts(tmp_path: Path) -> None:
    origins = {i: (float(7 * i * i), float(-3 * i)) for i in range(6)}
    path = write_shifts(tmp_path, links_between(origins, list(range(6))))
    space = common_space(path, dict.fromkeys((0, 3, 5), (10, 10)), PIXEL)
    assert_reproduces(space, origins)
    assert place(space, 5)[0] - place(space, 0)[0] == pytest.approx(175)


@pytest.mark.parametrize("how", ["missing", "unreliable"])
def test_an_unknown_link_takes_the_median_of_its_neighbours_and_is_reported(tmp_path: Path, how: str) -> None:
    shifts = {(0, 1): (10.0, 1.0), (1, 2): (12.0, 3.0), (2, 3): (500.0, 500.0), (3, 4): (14.0, 2.0)}
    shifts[4, 5] = (90.0, -90.0)
    if how == "missing":
        del shifts[2, 3]
    path = write_shifts(tmp_path, shifts, unreliable=((2, 3),))
    space = common_space(path, dict.fromkeys(range(6), (10, 10)), PIXEL)
    # The median of 10, 12, 14, 90 and of 1, 3, 2, -90: no mean that an outlier could bend.
    across = place(space, 2) - place(space, 3)
    np.testing.assert_allclose(across, (13, 1.5), atol=1e-6)
    np.testing.assert_allclose(place(space, 4) - place(space, 5), (90, -90), atol=1e-6)
    (warning,) = space.warnings
    assert "shifts_xy.csv" in warning
    assert "from 02 to 03" in warning
    assert "median" in warning


def test_an_unknown_link_across_several_slots_takes_as_many_shifts(tmp_path: Path) -> None:
    path = write_shifts(tmp_path, {(0, 1): (4.0, -1.0), (1, 2): (4.0, -1.0), (5, 6): (4.0, -1.0)})
    space = common_space(path, dict.fromkeys((0, 1, 2, 5, 6), (10, 10)), PIXEL)
    np.testing.assert_allclose(place(space, 2) - place(space, 5), (12, -3), atol=1e-6)
    assert len(space.warnings) == 1


def test_a_slice_that_the_file_does_not_know_is_placed_and_reported(tmp_path: Path) -> None:
    path = write_shifts(tmp_path, {(1, 2): (6.0, 2.0), (2, 3): (6.0, 2.0)})
    space = common_space(path, dict.fromkeys((0, 1, 3, 4), (10, 10)), PIXEL)
    assert_reproduces(space, {i: (-6.0 * i, -2.0 * i) for i in (0, 1, 3, 4)})
    assert [("00 to 01" in w, "03 to 04" in w) for w in space.warnings] == [(True, False), (False, True)]


def test_a_link_that_skips_a_slice_is_used_where_the_short_ones_are_not_known(tmp_path: Path) -> None:
    shifts = {(0, 1): (5.0, 0.0), (1, 2): (99.0, 0.0), (2, 3): (99.0, 0.0), (1, 3): (8.0, 1.0)}
    path = write_shifts(tmp_path, shifts, unreliable=((1, 2), (2, 3)))
    space = common_space(path, dict.fromkeys((0, 1, 3), (10, 10)), PIXEL)
    assert_reproduces(space, {0: (0, 0), 1: (-5, 0), 3: (-13, -1)})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0,1,,,,\n", ["row 2", "no shift along x"]),
        ("0,1,4,,0.1,\n", ["row 2", "no shift along y"]),
        ("0,1,4,4,,\n1,1,4,4,,\n", ["row 3", "slice 1 is linked to itself"]),
        ("0,1,4,4,,\n0,1,5,5,,\n", ["row 3", "no duplicate"]),
        ("0,1,4,4,,\n1,0,4,4,,\n", ["row 3", "contradicts"]),
        ("0,1,four,4,,\n", ["row 2", "'x_shift'", "'four'"]),
        ("0,1,nan,4,,\n", ["row 2", "'x_shift'", "'nan'"]),
        ("0,1,4,4,1e9,\n", ["canvas would be", "131072 at most"]),
        ("", ["no reliable shift"]),
    ],
)
def test_shifts_that_cannot_be_used_are_refused_by_file_and_row(
    tmp_path: Path, text: str, said: list[str]
) -> None:
    path = tmp_path / "shifts_xy.csv"
    path.write_text("fixed_id,moving_id,x_shift,y_shift,x_shift_mm,y_shift_mm\n" + text)
    with pytest.raises(ShiftsError) as error:
        common_space(path, {0: (10, 10), 1: (10, 10)}, PIXEL)
    for words in ["shifts_xy.csv", *said]:
        assert words in str(error.value)


def test_a_link_said_twice_alike_is_no_contradiction(tmp_path: Path) -> None:
    path = write_shifts(tmp_path, {(0, 1): (4.0, -3.0), (1, 0): (-4.0, 3.0)})
    space = common_space(path, dict.fromkeys((0, 1), (10, 10)), PIXEL)
    assert_reproduces(space, {0: (0, 0), 1: (-4, 3)})


def test_shifts_that_are_not_there_or_not_reliable_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ShiftsError, match=r"nothing\.csv: cannot be read"):
        common_space(tmp_path / "nothing.csv", {0: (10, 10)}, PIXEL)
    path = write_shifts(tmp_path, {(0, 1): (1.0, 1.0)}, unreliable=((0, 1),))
    with pytest.raises(ShiftsError, match="no reliable shift"):
        common_space(path, {0: (10, 10), 1: (10, 10)}, PIXEL)
