"""Warps and coverage: signs and figures known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from soct_core.affine import Affine2D, plane_center, shift_by
from soct_core.planes.warp import coverage, warp, warp_measured


def test_out_of_x_is_plane_of_motion_of_x() -> None:
    plane = np.zeros((20, 30))
    plane[7, 11] = 1.0
    moved = warp(plane, shift_by(3, -2))
    # out(x) = plane(x + 3, y - 2), so that what lay at (11, 7) now lies at (8, 9).
    assert np.argwhere(moved == 1.0).tolist() == [[9, 8]]
    assert moved.sum() == 1.0


def test_a_fraction_of_a_pixel_is_linear() -> None:
    plane = np.tile(np.arange(30.0) * 10, (20, 1))
    np.testing.assert_allclose(warp(plane, shift_by(0.25, 0.5))[:-1, :-1], plane[:-1, :-1] + 2.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_identity_changes_nothing_and_keeps_the_dtype(dtype: type) -> None:
    plane = np.random.default_rng(0).normal(0, 1e3, (33, 47)).astype(dtype)
    same = warp(plane, Affine2D.identity((5.0, 6.0)))
    assert same.dtype == dtype
    np.testing.assert_allclose(same, plane, rtol=1e-12)


def test_pixels_from_outside_hold_a_value_near_the_edge() -> None:
    # Zeros there would be an edge of their own, brighter than any tissue, to whatever registers.
    plane = np.random.default_rng(0).uniform(500, 600, (40, 50))
    motion = Affine2D.rigid(5, (8, -6), plane_center((40, 50)))
    outside = ~coverage((40, 50), motion)
    assert outside.sum() > 300
    assert warp(plane, motion)[outside].min() >= 500
    assert warp(plane, motion)[outside].max() <= 600


def test_the_output_may_have_another_shape() -> None:
    plane = np.random.default_rng(0).uniform(1, 2, (40, 50))
    cut = warp(plane, shift_by(5, 3), (20, 30))
    np.testing.assert_array_equal(cut, plane[3:23, 5:35])
    assert coverage((40, 50), shift_by(25, 3), (20, 30)).tolist() == [[x < 25 for x in range(30)]] * 20


@pytest.mark.parametrize(
    ("dx", "dy", "inside"),
    [
        (0, 0, np.s_[:, :]),
        (3, 0, np.s_[:, :27]),
        (-3, 0, np.s_[:, 3:]),
        (0, 4, np.s_[:16, :]),
        (2.5, -1.5, np.s_[2:, :27]),
        (40, 0, np.s_[:0, :0]),
    ],
)
def test_coverage_is_where_the_source_lies_within(dx: float, dy: float, inside: tuple[slice, slice]) -> None:
    wanted = np.zeros((20, 30), bool)
    wanted[inside] = True
    np.testing.assert_array_equal(coverage((20, 30), shift_by(dx, dy)), wanted)


def test_a_warp_of_measured_pixels_invents_nothing() -> None:
    plane = np.full((8, 9), 5.0, np.float32)
    where = np.ones(plane.shape, bool)
    where[3, 4] = False
    plane[3, 4] = 0
    values, covered = warp_measured(plane, where, shift_by(0.25, 0.0))
    assert not covered[3, 4]
    assert covered.sum() == coverage(plane.shape, shift_by(0.25, 0.0)).sum() - 1
    np.testing.assert_allclose(values[covered], 5.0, rtol=1e-6)
    still, _ = warp_measured(plane, where, Affine2D.identity())
    np.testing.assert_array_equal(still, warp(plane, Affine2D.identity()))
