"""Pixels that were measured, and means that leave out what was not."""

from __future__ import annotations

import numpy as np

from soct_core.planes.measured import measured, measured_mean


def test_planes_of_integers_and_of_finite_floats_are_measured_everywhere() -> None:
    assert measured(np.zeros((2, 3), np.uint16)) is None
    assert measured(np.ones((2, 3), np.float32)) is None
    np.testing.assert_array_equal(
        measured(np.array([1, np.nan, np.inf, -np.inf])), [True, False, False, False]
    )


def test_the_mean_of_a_slab_leaves_out_what_was_not_measured() -> None:
    planes = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.inf]])[:, None]
    np.testing.assert_array_equal(measured_mean(planes, measured(planes)), [[2.0, 5.0, np.nan]])
