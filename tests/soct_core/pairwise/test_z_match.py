"""Which plane the lower slice continues: where it is searched, and which likeness decides."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from schemas.settings import PairwiseSettings
from soct_core.affine import Affine2D, plane_center
from soct_core.pairwise.z_match import ZSearch, best_z, z_curve, z_search
from soct_core.registration.working_plane import registration_plane


@pytest.mark.parametrize("side", [120, 260])
def test_the_same_plane_is_wholly_alike_whatever_its_size(side: int) -> None:
    # Above 125 pixels smoothing grows with the side: both planes must get the same.
    fine = ndimage.gaussian_filter(np.random.default_rng(4).random((12, side, side + 20)), (2.0, 3.0, 3.0))
    fixed = (1000 * (fine - fine.min())).astype(np.float32)
    moving = registration_plane(fixed[7])
    search = z_search(12, 4, 7.0, 10.0, PairwiseSettings(moving_z_um=0.0, search_range_um=40.0))
    identity = Affine2D.identity(plane_center(moving.shape))
    best, likeness = best_z(search, z_curve(fixed, search, moving, identity))
    assert best == 7
    assert likeness > 0.9999


@pytest.mark.parametrize(
    ("voxel_z", "moving_nz", "plane"),
    [(10.0, 9, 4), (15.0, 9, 2), (25.0, 9, 1), (50.0, 9, 0), (40 / 3, 9, 3), (0.1, 999, 400), (10.0, 3, 2)],
)
def test_the_moving_plane_lies_40_um_deep_rounded_down(voxel_z: float, moving_nz: int, plane: int) -> None:
    assert z_search(1000, moving_nz, 20.0, voxel_z, PairwiseSettings()).moving_z == plane


@pytest.mark.parametrize(
    ("fixed_nz", "offset", "reach_um", "candidates", "source"),
    [
        pytest.param(60, 20.0, 100.0, range(14, 35), "matched", id="deep"),
        pytest.param(30, 20.0, 100.0, range(14, 30), "matched", id="ends below the expected plane"),
        pytest.param(25, 20.0, 100.0, range(14, 25), "matched", id="ends at the expected plane"),
        pytest.param(24, 20.0, 100.0, range(23, 24), "nominal", id="ends above the expected plane"),
        pytest.param(20, 20.0, 100.0, range(19, 20), "nominal", id="one slot"),
        pytest.param(60, 2.0, 100.0, range(0, 17), "matched", id="near the top"),
        pytest.param(60, 20.0, 0.0, range(24, 25), "matched", id="no search"),
    ],
)
def test_which_planes_are_searched(
    fixed_nz: int, offset: float, reach_um: float, candidates: range, source: str
) -> None:
    search = z_search(fixed_nz, 40, offset, 10.0, PairwiseSettings(search_range_um=reach_um))
    assert (search.candidates, search.source) == (candidates, source)
    assert search.expected == offset + 4
    assert search.start == min(candidates, key=lambda z: abs(z - search.expected))


def test_the_z_curve_decides_ties_for_the_expected_plane() -> None:
    search = ZSearch(0, 5.0, range(3, 8), "matched")
    assert best_z(search, ((3, 0.9), (4, 0.9), (6, 0.9), (7, 0.2))) == (6, 0.9)
    assert best_z(search, ((3, 0.95), (5, 0.9))) == (3, 0.95)
