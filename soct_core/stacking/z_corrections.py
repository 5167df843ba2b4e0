"""Corrections of z from the z matches of neighbouring slices, bounded by the search range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

PRIOR_WEIGHT = 0.05
"""Weight of the nominal depth of each slice against a pair of confidence 1. A guess that served."""


@dataclass(frozen=True)
class ZDrift:
    """How much deeper than expected moving lies below fixed, as one pair has it."""

    fixed_id: int
    moving_id: int
    drift_um: float
    weight: float


def z_corrections(
    ids: Sequence[int],
    drifts: Sequence[ZDrift],
    bound_um: float,
    frozen: Mapping[int, float] | None = None,
) -> Mapping[int, float]:
    """Correction of each slice's z in µm, positive downwards; that of a frozen one is given.

    Weighted least squares over all pairs, held to the nominal slots by a weak prior, so that
    errors of many pairs do not add up; each is at most `bound_um`.
    """
    order = {slice_id: index for index, slice_id in enumerate(sorted(ids))}
    used = [d for d in drifts if d.weight > 0 and d.fixed_id in order and d.moving_id in order]
    rows = np.zeros((len(used) + len(order), len(order)))
    targets = np.zeros(len(rows))
    for row, drift in enumerate(used):
        root = np.sqrt(drift.weight)
        rows[row, order[drift.moving_id]] = root
        rows[row, order[drift.fixed_id]] = -root
        targets[row] = root * drift.drift_um
    rows[len(used) :] = np.sqrt(PRIOR_WEIGHT) * np.eye(len(order))
    given = {order[i]: value for i, value in (frozen or {}).items() if i in order}
    free = [index for index in range(len(order)) if index not in given]
    fixed = list(given)
    targets -= rows[:, fixed] @ np.array([given[index] for index in fixed])
    found = np.clip(np.linalg.lstsq(rows[:, free], targets, rcond=None)[0], -bound_um, bound_um)
    corrections = given | dict(zip(free, map(float, found), strict=True))
    return {slice_id: corrections[index] for slice_id, index in order.items()}


def from_datum(corrections: Mapping[int, float]) -> dict[int, float]:
    """Corrections of z, so that depth is counted from the top of the first slice, wherever it lies."""
    datum = corrections[min(corrections)] if corrections else 0.0
    return {slice_id: value - datum for slice_id, value in corrections.items()}
