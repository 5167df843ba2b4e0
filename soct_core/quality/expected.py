"""What the slices around one lead to expect of it, whatever one of them is worth.

A figure that runs on between its neighbours is expected; one bad neighbour must not make it unexpected.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from soct_core.quality.planes import witnesses

Likeness = Mapping[tuple[int, int], float]
"""Of pairs of slices, (upper, lower)."""
UNSUPPORTED = 0.3
"""Shortfall of a slice that nothing supports: twice the tolerance of `likeness` in an assessment."""
_FURTHEST = 2.0
"""Lines are drawn out beyond their two slices by at most so many times their distance. Chosen by hand."""
_RANK = (0, 0, 0, 1, 2)
"""Which prediction counts, by the number of slices: the third best of four, so that a value has to agree with
several. Measured: with the best alone two dimmed slices in a row excuse each other."""
_WEIGHT = (0.0, 0.6, 0.75, 1.0)
"""Of a departure, by the number of slices: one or two do not tell a trend from a curve. Chosen by hand."""
_ONE_SIDED = 0.6
"""Of a departure from slices that all lie on one side: a specimen ends, and its figures with it. By hand."""
_USUAL_PERCENTILE = 60
"""Of likeness around a slice: above the middle, as the lower half may be of bad ones. Chosen by hand."""
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
    slice_id: int,
    values: Mapping[int, float],
    believed: Collection[int],
    side: int = 0,
    least: float = -np.inf,
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
    weight = _WEIGHT[min(len(around), len(_WEIGHT) - 1)]
    if not around[0] < slice_id < around[-1]:
        weight *= _ONE_SIDED
    return Departure(weight * max(0.0, distance - usual), expected, values[slice_id], tuple(around))


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
    slice_id: int, likeness: Likeness, around: Collection[int], believed: Collection[int]
) -> Departure | None:
    """By what share a slice's likeness to those around falls short of theirs to each other.

    The second best of its pairs counts (the best of one or two), each held against pairs of other slices at
    the same distance. None where there are none.

    Parameters
    ----------
    likeness
        Any figure of pairs (upper, lower) that is 1 for the same thing and about 0 for unrelated ones.
    around
        Slices that judge, and whose pairs say what is usual.
    believed
        Slices that may judge; pairs of others say nothing.
    """
    found = []
    for other in (w for w in around if w in believed):
        own = likeness.get((min(slice_id, other), max(slice_id, other)))
        usual = _usual(slice_id, abs(other - slice_id), likeness, around, believed)
        if own is None or usual is None:
            continue
        short = max(0.0, usual - own) / max(usual, _LEAST_LIKENESS)
        found.append(Departure(short, usual, own, (other,)))
    if not found:
        return None
    return sorted(found)[1 if len(found) > 2 else 0]


def unsupported(likeness: Likeness, limit: float = UNSUPPORTED) -> dict[int, Departure]:
    """Slices that fit nothing around them although what is around fits each other; the worst first.

    One slice is set aside at a time, the worst, so that it does not take its neighbours with it.

    Parameters
    ----------
    likeness
        Of pairs (upper, lower), neighbours and second neighbours at least; a pair that could not be
        registered has 0.
    limit
        Shortfall, as a share of what is usual around, from which a slice counts as unsupported.

    Examples
    --------
    >>> from soct_core.quality.expected import unsupported
    >>> pairs = {(a, b): 0.9 if 2 not in (a, b) else 0.1 for a in range(6) for b in (a + 1, a + 2)}
    >>> list(unsupported(pairs))
    [2]
    """
    ids = tuple(sorted({i for pair in likeness for i in pair}))
    believed, found = set(ids), dict[int, Departure]()
    for _ in ids[: len(ids) // 2]:
        short = {
            i: departure
            for i in sorted(believed)
            if (departure := less_than_usual(i, likeness, witnesses(i, ids), believed)) is not None
        }
        worst = max(short, key=lambda i: short[i].distance, default=None)
        if worst is None or short[worst].distance < limit:
            break
        found[worst] = short[worst]
        believed.remove(worst)
    return found


def _usual(
    slice_id: int, distance: int, likeness: Likeness, around: Collection[int], believed: Collection[int]
) -> float | None:
    others = [
        (abs(b - a), value)
        for (a, b), value in likeness.items()
        if slice_id not in (a, b) and {a, b} & {*around} and {a, b} <= {*believed}
    ]
    for apart in range(distance, distance + _FURTHER + 1):
        same = [value for d, value in others if d == apart]
        if same:
            return float(np.percentile(same, _USUAL_PERCENTILE))
    return None
