"""Corrections along z: shared by weight, bounded, and frozen once published."""

from __future__ import annotations

import numpy as np
import pytest

from soct_core.stacking.z_corrections import ZDrift, from_datum, z_corrections


def test_z_drift_of_one_pair_is_shared_by_both() -> None:
    # Least squares of (b - a - d)^2 + (a^2 + b^2) / 20: b = -a = d / 2.05.
    found = z_corrections([3, 4], [ZDrift(3, 4, 41.0, 1.0)], 100.0)
    assert found == pytest.approx({3: -20.0, 4: 20.0})


def test_z_drift_counts_by_its_weight() -> None:
    # w (b - a - d)^2 + (a^2 + b^2) / 20: b = d / (2 + 1 / (20 w)).
    for weight in (0.1, 0.5, 2.0):
        found = z_corrections([0, 1], [ZDrift(0, 1, -10.0, weight)], 100.0)
        assert found[1] == pytest.approx(-10.0 / (2 + 0.05 / weight))
        assert found[0] == pytest.approx(-found[1])


def test_no_z_correction_exceeds_its_bound() -> None:
    drifts = [ZDrift(i, i + 1, 80.0, 1.0) for i in range(9)]
    free = z_corrections(range(10), drifts, 1e9)
    bound = z_corrections(range(10), drifts, 50.0)
    assert free[9] > 100
    assert bound == pytest.approx({i: float(np.clip(z, -50, 50)) for i, z in free.items()})
    # Positive is deeper: the lower slices of a chain that reaches too deep move down.
    assert [free[i] < free[i + 1] for i in range(9)] == [True] * 9
    assert sum(free.values()) == pytest.approx(0, abs=1e-9)


def test_slices_without_a_z_match_are_not_corrected() -> None:
    drifts = [ZDrift(0, 1, 30.0, 0.0), ZDrift(1, 9, 30.0, 1.0)]
    assert z_corrections([0, 1, 2], drifts, 100.0) == {0: 0.0, 1: 0.0, 2: 0.0}
    assert z_corrections([0, 1, 2], [], 100.0) == {0: 0.0, 1: 0.0, 2: 0.0}
    assert z_corrections([5], [], 100.0) == {5: 0.0}


def test_frozen_z_corrections_stay_and_new_ones_follow_them() -> None:
    drifts = [ZDrift(0, 1, 30.0, 1.0), ZDrift(1, 2, 8.0, 1.0)]
    found = z_corrections([0, 1, 2], drifts, 100.0, {0: 5.0, 1: -7.0})
    assert (found[0], found[1]) == (5.0, -7.0)
    # One pair says -7 + 8; the slot, with a weight of 0.05, 0.
    assert found[2] == pytest.approx(1.0 / 1.05)
    assert from_datum(found)[1] == -12.0
