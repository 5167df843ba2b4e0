"""What is expected runs on between neighbours; one bad neighbour changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soct_core.quality.expected import less_than_usual, off_trend, unsupported

AROUND = (3, 4, 6, 7)


def line(slope: float = 0.5, start: float = 2.0) -> dict[int, float]:
    return {i: start + slope * i for i in range(11)}


def distance(values: dict[int, float], side: int = 0, slice_id: int = 5) -> float:
    found = off_trend(slice_id, values, [w for w in AROUND if w != slice_id], side)
    assert found is not None
    return found.distance


@given(st.floats(-5, 5), st.floats(-5, 5))
def test_a_line_is_expected(slope: float, start: float) -> None:
    assert distance(line(slope, start)) == pytest.approx(0, abs=1e-6)


@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_units_do_not_matter(scale: float, shift: float) -> None:
    values = {3: 1.0, 4: 1.3, 5: 2.5, 6: 1.4, 7: 1.9}
    moved = {i: shift + scale * v for i, v in values.items()}
    assert distance(moved) == pytest.approx(scale * distance(values), abs=1e-6)


@pytest.mark.parametrize("bad", AROUND)
def test_one_bad_neighbour_changes_nothing(bad: int) -> None:
    assert distance(line() | {bad: 90.0}) == pytest.approx(0, abs=1e-9)


def test_the_further_off_the_greater_the_distance() -> None:
    found = [distance(line() | {5: 4.5 + off}) for off in (0.0, 1.0, 3.0)]
    assert found == sorted(found)
    assert found[-1] > 2


def test_only_one_side_counts_if_asked() -> None:
    above, below = line() | {5: 9.0}, line() | {5: 0.0}
    assert (distance(above, 1) > 1, distance(above, -1)) == (True, 0)
    assert (distance(below, -1) > 1, distance(below, 1)) == (True, 0)


def test_what_varies_anyway_is_no_departure() -> None:
    calm = {3: 1.0, 4: 1.0, 5: 1.6, 6: 1.0, 7: 1.0}
    restless = {3: 1.5, 4: 0.7, 5: 1.6, 6: 0.9, 7: 1.4}
    assert distance(restless) < distance(calm) / 2


def test_the_first_slice_is_judged_by_those_below_it() -> None:
    values = line()
    found = off_trend(0, values, [1, 2, 3, 4])
    assert found is not None
    assert found.distance == pytest.approx(0, abs=1e-9)


def test_nothing_is_expected_of_an_unknown() -> None:
    assert off_trend(5, {3: 1.0}, [3]) is None
    assert off_trend(5, {5: 1.0}, []) is None


def pairs(ids: range, likeness: dict[int, float]) -> dict[tuple[int, int], float]:
    return {
        (a, b): 0.95 * 0.92 ** (b - a) * min(likeness.get(a, 1.0), likeness.get(b, 1.0))
        for a in ids
        for b in (a + 1, a + 2)
        if b in ids
    }


def test_a_slice_as_alike_as_its_neighbours_falls_short_of_nothing() -> None:
    found = less_than_usual(5, pairs(range(10), {}), AROUND, range(10))
    assert found is not None
    assert found.distance == 0


def test_a_bad_slice_falls_short_and_its_neighbours_do_not() -> None:
    likeness = pairs(range(10), {5: 0.2})
    short = {i: less_than_usual(i, likeness, (i - 2, i - 1, i + 1, i + 2), range(10)) for i in (3, 4, 5, 6)}
    assert [found is not None and found.distance > 0.5 for found in short.values()] == [
        False,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("bad", [{0}, {9}, {4}, {4, 5}, {3, 5}, {2, 6, 7}])
def test_what_nothing_supports_is_found(bad: set[int]) -> None:
    assert set(unsupported(pairs(range(10), dict.fromkeys(bad, 0.2)))) == bad


def test_everything_is_supported_where_likeness_falls_evenly() -> None:
    fading = pairs(range(20), {i: 1 - 0.03 * i for i in range(20)})
    assert unsupported(fading) == {}


def test_nothing_can_be_said_of_two_slices() -> None:
    assert unsupported({(0, 1): 0.0}) == {}
    assert unsupported({}) == {}
