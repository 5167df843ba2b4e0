"""Likeness of faces: near 1 for the same tissue, less the more is torn or gone, little for strangers."""

from __future__ import annotations

import numpy as np
import pytest
from assessed_slices import phantom_slice
from numpy.typing import NDArray

from soct_core.affine import Affine2D, plane_center
from soct_core.planes.warp import warp
from soct_core.quality.compare import Comparison, compare_faces, local_ncc
from soct_core.registration.working_plane import registration_plane

SHAPE = (150, 180)


def compared(upper: NDArray[np.float32], lower: NDArray[np.float32]) -> Comparison:
    return compare_faces(registration_plane(upper), registration_plane(lower), (3, 4))


def torn(plane: NDArray[np.float32], px: float) -> NDArray[np.float32]:
    """The right half moved away."""
    flap = warp(plane, Affine2D.rigid(0, (-px, 0.4 * px), plane_center(SHAPE)))
    right = np.arange(SHAPE[1]) > SHAPE[1] // 2
    gap = right & (np.arange(SHAPE[1]) < SHAPE[1] // 2 + px)
    return np.where(gap, plane.min(), np.where(right, flap, plane)).astype(np.float32)


def test_the_same_tissue_is_the_same_wherever_it_moved() -> None:
    plane = phantom_slice()[0]
    moved = warp(plane, Affine2D.rigid(1.5, (4.0, -3.0), plane_center(SHAPE)))
    found = compared(plane, moved)
    assert found.figures.likeness > 0.94
    assert found.figures.overlap > 0.97
    assert found.figures.rotation_deg == pytest.approx(-1.5, abs=0.05)
    assert (found.figures.upper_id, found.figures.lower_id) == (3, 4)


def test_gain_and_offset_do_not_matter() -> None:
    plane = phantom_slice()[0]
    assert compared(plane, 500 + np.float32(0.3) * plane).figures.likeness > 0.94


def test_more_torn_is_less_alike() -> None:
    plane = phantom_slice()[0]
    found = [compared(plane, torn(plane, px)).figures.likeness for px in (0, 4, 9, 16)]
    assert found == sorted(found, reverse=True)
    assert found[0] - found[2] > 0.15


def test_half_gone_shares_half() -> None:
    plane = phantom_slice()[0]
    half = np.where(np.arange(SHAPE[0])[:, None] < SHAPE[0] // 2, plane, plane.min()).astype(np.float32)
    found = compared(plane, half)
    assert found.figures.overlap == pytest.approx(0.5, abs=0.08)
    assert found.figures.likeness < 0.7


@pytest.mark.parametrize("stranger", ["noise", "constant", "far", "nothing measured"])
def test_a_stranger_is_not_alike(stranger: str) -> None:
    rng, plane = np.random.default_rng(0), phantom_slice()[0]
    lower = {
        "noise": rng.gamma(4.0, 800.0, SHAPE),
        "constant": np.full(SHAPE, 700.0),
        "far": phantom_slice(20)[0],
        "nothing measured": np.full(SHAPE, np.nan),
    }[stranger].astype(np.float32)
    found = compared(plane, lower).figures
    assert found.likeness < 0.5
    assert found.overlap < 0.75


def test_planes_of_different_sizes_are_compared_on_the_upper_one() -> None:
    plane = phantom_slice()[0]
    found = compared(plane, np.ascontiguousarray(plane[8:, 12:]))
    assert found.local.shape == SHAPE
    assert found.figures.likeness > 0.9


def test_local_ncc_of_a_plane_with_itself_and_its_negative() -> None:
    plane = phantom_slice()[0]
    assert local_ncc(plane, plane, 8.0)[70:80, 80:100].min() > 0.95
    assert local_ncc(plane, -plane, 8.0)[70:80, 80:100].max() < -0.95
