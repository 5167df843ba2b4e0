"""A pair is shown moved into place, or its two planes alone."""

from __future__ import annotations

import numpy as np
from report_pictures import disc, image_of

from soct_core.affine import Affine2D
from soct_core.pairwise.register import ComparedPlanes
from soct_core.registration.working_plane import registration_plane
from soct_core.reportlets.pair import pair_reportlet


def test_a_pair_is_shown_moved_into_place() -> None:
    fixed = np.where(disc(40), 900.0, 100.0)
    moving = np.roll(fixed, 12, axis=1)
    moving[:, -1] = 900.0
    planes = registration_plane(fixed, 1), registration_plane(moving, 1)
    motion = Affine2D.rigid(0.0, (12.0, 0.0), (69.5, 59.5))
    look = pair_reportlet(ComparedPlanes(*planes, motion, ((1, 0.5), (2, 0.75))))
    assert look.registered is not None
    shown = [image_of(p).astype(float) for p in (look.fixed, look.moving, look.registered)]
    inside = slice(None), slice(0, 120)
    assert np.abs(shown[0] - shown[2])[inside].mean() < 3
    assert np.abs(shown[0] - shown[1])[inside].mean() > 20
    assert not image_of(look.registered)[:, -8:].any(), "what was not imaged is black"
    assert look.z_curve == ((1, 0.5), (2, 0.75))


def test_a_pair_that_raised_shows_its_two_planes() -> None:
    plane = registration_plane(np.ones((60, 80)), 1)
    look = pair_reportlet(ComparedPlanes(plane, plane, None))
    assert look.registered is None
    assert look.outline == ()
