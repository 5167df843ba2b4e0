"""Stage shifts: known stage positions come back, and what cannot be used is refused or reported."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from numpy.typing import NDArray
from shifts_files import PIXEL, Xy, write_shifts

from soct_core.acquisition.stage_shifts import CommonSpace, common_space
from soct_core.errors import ShiftsError
from soct_core.volume.views import seen_through

Array = NDArray[Any]


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
