"""Evidence: neighbours are told from mirrored, foreign and distant planes in any noise."""

from __future__ import annotations

import numpy as np
import pytest
from drifting_tissue import CENTER, Drift, Floats, noisy, tissue_plane

from soct_core.affine import Affine2D
from soct_core.registration.evidence import Evidence, rivals_of, weigh
from soct_core.registration.register import best_alignment
from soct_core.registration.working_plane import RegistrationPlane, registration_plane

DRIFT = Drift(2.0, (4.0, -3.0))


def one_look(plane: Floats, seed: int) -> Floats:
    """The mean of five planes, each in fully developed speckle."""
    return plane * np.random.default_rng(seed).gamma(1.0, 1.0, (5, *plane.shape)).mean(axis=0)


def evidence(fixed: Floats, moving: Floats, far: Floats | None = None) -> Evidence:
    a, b = registration_plane(fixed), registration_plane(moving)
    further = (None, None) if far is None else (registration_plane(far), None)
    found = best_alignment(a, b, "affine")
    assert found is not None
    return weigh(a, b, found.motion, rivals_of(a, b, "affine", further))


@pytest.mark.parametrize("imaged", [noisy, one_look])
def test_neighbours_are_told_from_their_mirror_images_and_from_foreign_planes(imaged) -> None:
    fixed, moving = imaged(tissue_plane(DRIFT.at(1)), 1), imaged(tissue_plane(), 2)
    neighbours = evidence(fixed, moving)
    assert neighbours.log_odds > 1.4
    assert neighbours.mirror_margin > 0.15
    assert neighbours.consistency_px < 0.5
    for axis in (0, 1):
        mirrored = evidence(fixed, np.flip(moving, axis))
        assert mirrored.mirror_margin < -0.15
        assert mirrored.log_odds < 1.4
    assert evidence(fixed, imaged(tissue_plane(seed=1), 2)).log_odds < 1.4


def test_planes_further_off_that_are_less_alike_speak_for_neighbours() -> None:
    fixed, moving = noisy(tissue_plane(DRIFT.at(1)), 1), noisy(tissue_plane(), 2)
    less, as_much = (evidence(fixed, moving, noisy(tissue_plane(DRIFT.at(1), seed=s), 3)) for s in (1, 0))
    assert less.trend is not None
    assert as_much.trend is not None
    assert less.trend > 0.02
    assert as_much.trend == pytest.approx(0, abs=0.01)
    assert less.log_odds > as_much.log_odds + 1


def test_a_motion_that_is_not_that_of_the_way_back_loses() -> None:
    a, b = (registration_plane(noisy(tissue_plane(m), s)) for m, s in ((DRIFT.at(1), 1), (None, 2)))
    rivals = rivals_of(a, b, "affine")
    right, wrong = (weigh(a, b, motion, rivals) for motion in (DRIFT.at(1), DRIFT.inverted.at(1)))
    assert wrong.consistency_px > right.consistency_px + 5
    assert wrong.log_odds < right.log_odds - 1


def test_what_is_its_own_mirror_image_gives_no_margin() -> None:
    y, x = np.indices((200, 200)) - 99.5
    ring = registration_plane(1000.0 * (np.abs(np.hypot(x, y) - 50) < 12) + 10)
    found = weigh(ring, ring, Affine2D.identity(CENTER), rivals_of(ring, ring, "affine"))
    assert found.mirror_margin == pytest.approx(0, abs=1e-3)


def test_a_plane_that_cannot_be_registered_back_is_far_from_consistent() -> None:
    tissue = registration_plane(noisy(tissue_plane(), 1))
    blank = RegistrationPlane(np.zeros(tissue.shape, np.float32), 1)
    found = weigh(tissue, blank, Affine2D.identity(CENTER), rivals_of(tissue, blank, "affine"))
    assert found.consistency_px == max(tissue.shape)
    assert found.log_odds < 0
