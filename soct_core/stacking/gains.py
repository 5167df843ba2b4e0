"""Gains: one factor per slice, solved for all slices at once from what the cuts between them show.

Jitter of brightness goes, what is common to all slices or changes slowly stays: tissue is continuous across a
cut, so that a gradient of anatomy shows no step there, and the step that attenuation makes at every cut is
one more unknown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soct_core.stacking.cut_intensity import CutIntensity
from soct_core.stacking.placed_slice import PlacedSlice

LEAST_FACTOR, MOST_FACTOR = 0.5, 2.0
"""Bounds of an intensity factor, as the contract has them (SPEC section 11)."""
LEAST_JITTER, MOST_JITTER = 0.02, 0.3
"""Bounds of the jitter, the standard deviation of the logarithm of brightness, as the scatter of cuts shows
it. Chosen by hand: gains of a microscope seldom differ by more."""
CUT_ERROR, ERROR_PER_SPREAD, ERROR_OF_SHARE, ERROR_PER_SLOT = 0.003, 0.25, 2.0, 0.05
"""Standard deviation of what a cut tells, in logarithms: at least, as a share of the spread over the tissue,
times the squared share of tissue that is not in both, and for every slot between the two faces. Chosen on a
phantom and on MRI of a mouse brain and of bananas (`benchmarks/intensity.py`)."""
MOST_GRADIENT, LEAST_STEP_ERROR = 0.1, 0.01
"""Of anatomy that brightens or darkens from slice to slice, and of what is known of the common step, in
logarithms per slot. Chosen by hand: a volume that doubles over ten slices brightens by 0.07."""
_LEAST_CUTS = 4
"""With fewer, scatter means nothing. Chosen by hand."""


@dataclass(frozen=True)
class Gains:
    """Factors of slices, and the step that all cuts have in common."""

    factors: Mapping[int, float]
    """By slice id, each from 0.5 to 2."""
    step: float
    """Logarithm of the brightness one slot below a slice's top over that at its top."""


def solve_gains(
    ids: Sequence[int],
    cuts: Sequence[CutIntensity],
    slot_planes: float,
    known: Mapping[int, float] | None = None,
    step: float | None = None,
) -> Gains:
    """Solve the factors of all slices, or of those that are not known yet.

    Parameters
    ----------
    ids
        Measured slices.
    cuts
        What was seen of the cuts between them; slices that no cut joins to others keep factor 1.
    slot_planes
        Planes of a slot.
    known
        Factors already published, by id.
    step
        The common step, already published.

    Returns
    -------
    Gains
        The least squares of all cuts, each by its error, held to 1 by a weak prior; bounded at last.
    """
    order = {slice_id: index for index, slice_id in enumerate(sorted(ids))}
    count = len(order)
    slots = np.array([cut.step / slot_planes for cut in cuts])
    weights = np.array([1 / _error(cut, slot_planes) for cut in cuts])
    expected, error = _expected_step(cuts, slot_planes)
    jitter = _jitter(cuts, slots, weights)
    rows = np.zeros((len(cuts) + count + 1, count + 1))
    targets = np.zeros(len(rows))
    for row, cut in enumerate(cuts):
        rows[row, order[cut.lower_id]], rows[row, order[cut.upper_id]] = weights[row], -weights[row]
        rows[row, count] = weights[row] * slots[row]
        targets[row] = weights[row] * cut.log_ratio
    rows[len(cuts) : -1, :count] = np.eye(count) / jitter
    rows[-1, count], targets[-1] = 1 / error, expected / error
    given = {order[i]: float(np.log(value)) for i, value in (known or {}).items() if i in order}
    if step is not None:
        given[count] = step
    fixed, free = list(given), [index for index in range(count + 1) if index not in given]
    targets -= rows[:, fixed] @ np.array([given[index] for index in fixed])
    found = np.zeros(count + 1)
    found[fixed] = list(given.values())
    found[free] = np.linalg.lstsq(rows[:, free], targets, rcond=None)[0]
    logs = np.clip(found[:count], np.log(LEAST_FACTOR), np.log(MOST_FACTOR))
    factors = {i: float(np.exp(logs[index])) for i, index in order.items()}
    return Gains(
        factors | {i: value for i, value in (known or {}).items() if i in order}, float(found[count])
    )


def factor_at(placed: PlacedSlice, plane: int, factors: Mapping[int, float]) -> float:
    """Factor of one plane of a slice; an interpolated one leads from that of before to that of after.

    Its planes are `(1 - a)` of before and `a` of after: where the factors make these two alike, this one
    makes their mixture like both.
    """
    if placed.alphas is None:
        return factors.get(placed.slice_id, 1.0)
    above, below = (factors.get(placed.slice_id + step, 1.0) for step in (-1, 1))
    share = float(placed.alphas[plane])
    return above if above == below else 1 / ((1 - share) / above + share / below)


def _error(cut: CutIntensity, slot_planes: float) -> float:
    """Standard deviation of what a cut tells."""
    parts = (
        CUT_ERROR,
        ERROR_PER_SPREAD * cut.spread,
        ERROR_OF_SHARE * (1 - cut.share) ** 2,
        ERROR_PER_SLOT * max(0.0, cut.distance) / slot_planes,
    )
    return math.hypot(*parts)


def _expected_step(cuts: Sequence[CutIntensity], slot_planes: float) -> tuple[float, float]:
    """What the trend within slices says of the common step, and its standard deviation.

    Of the trend, attenuation makes a step at every cut, and a gradient of anatomy makes none. Half of it, up
    to a limit, may be either.
    """
    within = float(np.median([cut.trend * slot_planes for cut in cuts])) if cuts else 0.0
    anatomy = np.clip(within / 2, -MOST_GRADIENT / 2, MOST_GRADIENT / 2)
    return within - float(anatomy), LEAST_STEP_ERROR + min(abs(within) / 2, MOST_GRADIENT)


def _jitter(cuts: Sequence[CutIntensity], slots: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Standard deviation of brightness from slice to slice, from the scatter of the cuts.

    With little of it, tissue that brightens steadily cannot be mistaken for gains that do.
    """
    if len(cuts) < _LEAST_CUTS:
        return MOST_JITTER
    ratios = np.array([cut.log_ratio for cut in cuts]) / slots
    mean = np.average(ratios, weights=weights**2)
    scatter = np.sqrt(np.average((ratios - mean) ** 2, weights=weights**2) / 2)
    return float(np.clip(scatter, LEAST_JITTER, MOST_JITTER))
