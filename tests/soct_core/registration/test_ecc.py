"""ECC: known drifts, and what was not measured has no say."""

from __future__ import annotations

import numpy as np
import pytest
from drifting_tissue import SIZE, Drift, noisy, rms_distance, tissue_plane

from soct_core.affine import Affine2D, Freedom
from soct_core.registration.ecc import align
from soct_core.registration.working_plane import RegistrationPlane, registration_plane

DRIFT = Drift(2.0, (6.0, -3.0))


@pytest.mark.parametrize("freedom", ["rigid", "affine"])
@pytest.mark.parametrize("drift", [DRIFT, DRIFT.inverted], ids=["there", "back"])
def test_known_drifts_are_found(freedom: Freedom, drift: Drift) -> None:
    fixed = registration_plane(noisy(tissue_plane(drift.at(1)), 1))
    moving = registration_plane(noisy(tissue_plane(), 2))
    found = align(fixed, moving, freedom)
    assert found is not None
    assert rms_distance(found.motion, drift.at(1), fixed.tissue) < 0.1
    assert found.correlation > 0.9


def test_gain_and_offset_of_a_plane_change_nothing() -> None:
    fixed = registration_plane(noisy(tissue_plane(DRIFT.at(1)), 1))
    moving = registration_plane(noisy(tissue_plane(), 2))
    brighter = RegistrationPlane((3 * moving.image + 50).astype(np.float32), 1)
    plain, other = (align(fixed, one, "rigid") for one in (moving, brighter))
    assert plain is not None
    assert other is not None
    assert rms_distance(plain.motion, other.motion, fixed.tissue) < 1e-3


@pytest.mark.parametrize("freedom", ["rigid", "affine"])
def test_what_was_not_measured_has_no_say(freedom: Freedom) -> None:
    measured = np.zeros((SIZE, SIZE), bool)
    measured[40:-40, 40:-40] = True
    stripes = 30 * (np.arange(SIZE) // 4 % 2)[:, None] + np.zeros((SIZE, SIZE))
    sides = []
    for motion, seed in ((DRIFT.at(1), 1), (None, 2)):
        image = registration_plane(noisy(tissue_plane(motion), seed)).image
        fixed_in_frame = np.where(measured, image, stripes).astype(np.float32)
        sides.append(RegistrationPlane(fixed_in_frame, 1, measured))
    found = align(*sides, freedom)
    assert found is not None
    assert rms_distance(found.motion, DRIFT.at(1), measured) < 0.3


def test_planes_with_nothing_in_common_give_none_or_little() -> None:
    blank = RegistrationPlane(np.zeros((SIZE, SIZE), np.float32), 1)
    tissue = registration_plane(noisy(tissue_plane(), 1))
    assert align(tissue, blank, "affine") is None
    unmeasured = RegistrationPlane(tissue.image, 1, np.zeros((SIZE, SIZE), bool))
    assert align(tissue, unmeasured, "affine", Affine2D.identity()) is None
    speck = RegistrationPlane(np.ones((1, 1), np.float32), 1)
    assert align(speck, speck, "rigid") is None
