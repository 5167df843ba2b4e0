"""Which pairs are registered, and why."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from soct_core.pairwise.pairs import pairs_to_register


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
