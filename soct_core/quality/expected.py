"""What the slices around one lead to expect of it, whatever one of them is worth.

A figure that runs on between its neighbours is expected; one bad neighbour must not make it unexpected.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from schemas.quality import PairFigures

Pairs = Mapping[tuple[int, int], PairFigures]
_FURTHEST = 2.0
"""Lines are drawn out beyond their two slices by at most so many times their distance. Chosen by hand."""
_RANK = (0, 0, 1, 2, 2)
"""Which prediction counts, by the number of slices: the third best of four, so that a value has to agree with
several. Measured: with the best alone two dimmed slices in a row excuse each other."""
_USUAL_PERCENTILE = 60
"""Of likeness around a slice: above the middle, as its lower half may be of spoiled slices. Chosen by hand."""
_FURTHER = 3
"""Slots: pairs so much further apart still say what to expect at least. Chosen by hand."""
_LEAST_LIKENESS = 0.3
"""Where slices around are hardly alike, a shortfall is counted as a share of this. Chosen by hand."""


class Departure(NamedTuple):
    """How far a value lies from what was expected."""

    distance: float
    expected: float
    value: float
    against: tuple[int, ...]


def off_trend(
    slice_id: int, values: Mapping[int, float], believed: Collection[int], side: int = 0, least: float = -np.inf
) -> Departure | None:
    """How far the value of a slice lies from the local trend; None where nothing is known of either.

    The value is held against each slice around, and against the line through every two of them; what the
    slices around depart from each other by is no departure.

    Parameters
    ----------
    values
        By slice.
    believed
        Slices that may say what to expect.
    side
        1 or -1: only values above or below the trend depart from it; 0: both.
    least
        No value can be below.
    """
    around = sorted(w for w in believed if w != slice_id and w in values)
    if slice_id not in values or not around:
        return None
    distance, expected = _nearest(slice_id, values, around, side, least)
    scatter = [
        _nearest(w, values, [other for other in around if other != w], 0, least)[0]
        for w in around
        if len(around) > 2
    ]
    usual = float(np.median(scatter)) if scatter else 0.0
    return Departure(max(0.0, distance - usual), expected, values[slice_id], tuple(around))


def _nearest(
    slice_id: int, values: Mapping[int, float], around: Sequence[int], side: int, least: float
) -> tuple[float, float]:
    """Distance to the prediction that counts, and that prediction."""
    own = values[slice_id]
    predictions = [values[w] for w in around]
    for a, b in combinations(around, 2):
        share = (slice_id - a) / (b - a)
        if -_FURTHEST <= share <= 1 + _FURTHEST:
            predictions.append(values[a] + share * (values[b] - values[a]))
    ranked = sorted(
        (max(0.0, side * (own - p)) if side else abs(own - p), p)
        for p in (max(least, prediction) for prediction in predictions)
    )
    return ranked[min(_RANK[min(len(around), len(_RANK) - 1)], len(ranked) - 1)]


def less_than_usual(
    slice_id: int, figure: str, pairs: Pairs, around: tuple[int, ...], believed: Collection[int]
) -> Departure | None:
    """By what share a slice's likeness to those around falls short of theirs to each other.

    The second best of its pairs counts (the best of one or two), each held against pairs of other slices at
    the same distance: those of `around` with any slice. None where there are none.

    Parameters
    ----------
    figure
        `likeness` or `overlap`.
    """
    found = []
    for other in (w for w in around if w in believed):
        own = pairs.get((min(slice_id, other), max(slice_id, other)))
        usual = _usual(slice_id, abs(other - slice_id), figure, pairs, around, believed)
        if own is None or usual is None:
            continue
        value = float(getattr(own, figure))
        found.append(
            Departure(max(0.0, usual - value) / max(usual, _LEAST_LIKENESS), usual, value, (other,))
        )
    if not found:
        return None
    return sorted(found)[1 if len(found) > 2 else 0]


def _usual(
    slice_id: int,
    distance: int,
    figure: str,
    pairs: Pairs,
    around: tuple[int, ...],
    believed: Collection[int],
) -> float | None:
    others = [
        (abs(b - a), float(getattr(found, figure)))
        for (a, b), found in pairs.items()
        if slice_id not in (a, b) and {a, b} & {*around} and {a, b} <= {*believed}
    ]
    for apart in range(distance, distance + _FURTHER + 1):
        same = [value for d, value in others if d == apart]
        if same:
            return float(np.percentile(same, _USUAL_PERCENTILE))
    return None

