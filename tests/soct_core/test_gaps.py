"""Gap detection, against its definition counted out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soct_core.gaps import detect_single_gaps

Runs = list[tuple[int, ...]]


def runs_of_missing(ids: set[int]) -> Runs:
    """Runs of missing ids between the least and the greatest, walked one id at a time."""
    runs: Runs = []
    run: list[int] = []
    for slice_id in range(min(ids), max(ids) + 1):
        if slice_id not in ids:
            run.append(slice_id)
        elif run:
            runs.append(tuple(run))
            run = []
    return runs


@given(st.lists(st.integers(0, 60), min_size=1, max_size=40))
def test_gaps_are_the_runs_of_missing_ids(ids: list[int]) -> None:
    runs = runs_of_missing(set(ids))
    gaps = detect_single_gaps(ids)
    assert gaps.single == tuple(run[0] for run in runs if len(run) == 1)
    assert gaps.multi == tuple(run for run in runs if len(run) > 1)


@given(st.sets(st.integers(0, 300), min_size=1), st.randoms())
def test_the_order_of_the_ids_does_not_matter(ids: set[int], random: object) -> None:
    shuffled = list(ids)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert detect_single_gaps(shuffled) == detect_single_gaps(sorted(ids))


@pytest.mark.parametrize(
    ("ids", "single", "multi"),
    [
        ([], (), ()),
        ([7], (), ()),
        ([0, 1, 2], (), ()),
        ([0, 2], (1,), ()),
        ([5, 7, 9], (6, 8), ()),
        ([0, 3], (), ((1, 2),)),
        ([2, 3, 5, 9, 10], (4,), ((6, 7, 8),)),
        ([98, 99, 101, 112], (100,), (tuple(range(102, 112)),)),
    ],
)
def test_known_gaps(ids: list[int], single: tuple[int, ...], multi: tuple[tuple[int, ...], ...]) -> None:
    gaps = detect_single_gaps(ids)
    assert (gaps.single, gaps.multi) == (single, multi)
