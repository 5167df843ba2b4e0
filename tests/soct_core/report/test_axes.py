"""Ticks are round and enough, and scales reach over what they show."""

from __future__ import annotations

import pytest

from soct_core.report.axes import Scale, spread, ticks, whole_ticks


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(0, 1, ["0.0", "0.5", "1.0"]), (-7, 6, ["\u22125", "0", "5"]), (0.81, 0.99, ["0.85", "0.90", "0.95"])],
)
def test_ticks_are_round_and_enough(low: float, high: float, wanted: list[str]) -> None:
    found = [text for _, text in ticks(low, high, 3)]
    assert found == wanted or len(found) >= 3
    assert all(low <= value <= high for value, _ in ticks(low, high, 3))


def test_scales_and_spreads() -> None:
    assert Scale(0, 10, 100, 200)(5) == 150
    low, high = spread([3.0, 3.0], least=1.0)
    assert low < 3 < high
    assert spread([], least=1.0)[0] < spread([], least=1.0)[1]
    assert spread([2.0, 8.0], least=1.0, zero=True)[0] == 0
    assert whole_ticks(0, 29) == list(range(0, 30, 2))
    assert whole_ticks(5, 5) == [5]
