"""Likeness and displacement: figures known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from drifting_tissue import Drift, noisy, tissue_plane

from soct_core.affine import Affine2D, shift_by
from soct_core.registration.likeness import displacement_rms, ncc, ncc_before_and_after, shared_tissue
from soct_core.registration.working_plane import registration_plane


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        ([1, 2, 3], [1, 2, 3], 1.0),
        ([1, 2, 3], [10, 20, 30], 1.0),
        ([1, 2, 3], [-1, -2, -3], -1.0),
        ([1, 2, 3], [1, 3, 2], 0.5),
        ([1, 2, 3, 4], [1, -1, -1, 1], 0.0),
        ([1, 2, 3], [7, 7, 7], 0.0),
        ([5, 5, 5], [5, 5, 5], 0.0),
        ([5], [5], 0.0),
    ],
)
def test_ncc_of_known_pairs(a: list[float], b: list[float], wanted: float) -> None:
    assert ncc(np.float32([a]), np.float32([b])) == pytest.approx(wanted, abs=1e-12)


def test_ncc_sees_only_the_mask() -> None:
    a, b = np.float32([[1, 2, 3, 99]]), np.float32([[3, 2, 1, 99]])
    assert ncc(a, b, np.array([[True, True, True, False]])) == pytest.approx(-1)
    assert ncc(a, b) > 0.9
    assert ncc(a, b, np.zeros((1, 4), bool)) == 0


def test_ncc_does_not_lose_small_texture_on_a_great_mean() -> None:
    texture = np.random.default_rng(0).integers(0, 2, (200, 200)).astype(np.float32)
    assert ncc(texture + 1e5, texture + 1e5) == pytest.approx(1)
    assert ncc(texture + 1e5, 1e5 - texture) == pytest.approx(-1)


def test_likeness_before_and_after_tells_the_right_motion_from_its_opposite() -> None:
    drift = Drift(2.0, (6, -5))
    fixed = registration_plane(noisy(tissue_plane(drift.at(1)), 1))
    moving = registration_plane(noisy(tissue_plane(), 2))
    pre, post = ncc_before_and_after(fixed, moving, drift.at(1))
    assert post > 0.99
    assert pre < 0.8
    assert ncc_before_and_after(fixed, moving, drift.inverted.at(1))[1] < pre
    assert ncc_before_and_after(fixed, moving, Affine2D.identity())[0] == pytest.approx(
        ncc_before_and_after(fixed, moving, Affine2D.identity())[1]
    )


def test_a_sliver_in_common_says_nothing() -> None:
    plane = registration_plane(noisy(tissue_plane(), 1))
    assert ncc_before_and_after(plane, plane, shift_by(150, 0)) == (0.0, 0.0)
    assert shared_tissue(plane, plane, shift_by(150, 0)).sum() < 0.25 * plane.tissue.sum()
    assert shared_tissue(plane, plane, Affine2D.identity()).sum() == plane.tissue.sum()


def test_displacement_of_a_translation_is_its_length() -> None:
    mask = np.random.default_rng(0).random((40, 50)) > 0.5
    assert displacement_rms(shift_by(3, -4), mask) == pytest.approx(5)
    assert displacement_rms(Affine2D.identity(), mask) == 0
    assert displacement_rms(shift_by(3, -4), np.zeros((40, 50), bool)) == 0


@pytest.mark.parametrize("degrees", [-5.0, 1.0, 30.0])
def test_displacement_of_a_rotation_is_its_chord(degrees: float) -> None:
    y, x = np.indices((201, 201)) - 100.0
    disc = np.hypot(x, y) <= 90
    # Chord 2 r sin(angle / 2), and the mean of r squared over a disc is R squared / 2.
    wanted = 2 * 90 / np.sqrt(2) * abs(np.sin(np.deg2rad(degrees) / 2))
    rotation = Affine2D.rigid(degrees, (0, 0), (100, 100))
    assert displacement_rms(rotation, disc) == pytest.approx(wanted, rel=0.01)
