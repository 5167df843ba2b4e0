"""Coarse shifts: the sign of the convention, through noise, and only where they help."""

from __future__ import annotations

import numpy as np
import pytest
from drifting_tissue import Drift, noisy, tissue_plane
from numpy.typing import NDArray

from soct_core.affine import Affine2D, shift_by
from soct_core.planes.warp import coverage, warp
from soct_core.registration.phase_correlation import coarse_shift, phase_shift
from soct_core.registration.working_plane import registration_plane


def blobs(offset_x: float = 0.0, offset_y: float = 0.0) -> NDArray[np.float32]:
    """Four unlike blobs, moved by an offset towards greater x and y."""
    y, x = np.indices((120, 150), dtype=float)
    image = np.zeros((120, 150))
    for cx, cy, size, height in ((50, 40, 5, 3), (95, 50, 8, 2), (70, 85, 6, 4), (100, 85, 4, 2)):
        image += height * np.exp(-((x - cx - offset_x) ** 2 + (y - cy - offset_y) ** 2) / (2 * size**2))
    return image.astype(np.float32)


@pytest.mark.parametrize(("x", "y"), [(7, 4), (-7, 4), (7, -4), (-7, -4), (0, 11), (-11, 0), (0, 0)])
def test_phase_shift_has_the_sign_of_the_convention(x: int, y: int) -> None:
    # moving(p + s) = fixed(p): the moving content lies further along by s.
    assert phase_shift(blobs(), blobs(x, y)) == (x, y)
    found = warp(blobs(x, y), shift_by(*phase_shift(blobs(), blobs(x, y))))
    inside = coverage((120, 150), shift_by(x, y))
    np.testing.assert_allclose(found[inside], blobs()[inside], atol=1e-3)


def test_phase_shift_finds_its_way_through_noise_and_uneven_light() -> None:
    rng = np.random.default_rng(3)
    light = np.linspace(0.7, 1.3, 150)
    fixed = blobs() + rng.normal(0, 0.1, (120, 150))
    moving = blobs(-9, 6) * light + rng.normal(0, 0.1, (120, 150))
    found = phase_shift(fixed.astype(np.float32), moving.astype(np.float32))
    assert np.hypot(found[0] + 9, found[1] - 6) <= 1.5


@pytest.mark.parametrize(("x", "y"), [(9, -6), (-9, 6)])
def test_the_coarse_shift_is_taken_where_it_helps(x: int, y: int) -> None:
    fixed = registration_plane(noisy(tissue_plane(Drift(shift=(x, y)).at(1)), 1))
    moving = registration_plane(noisy(tissue_plane(), 2))
    assert np.abs(np.array(coarse_shift(fixed, moving).translation) - (x, y)).max() <= 1
    assert coarse_shift(moving, moving) == Affine2D.identity()
