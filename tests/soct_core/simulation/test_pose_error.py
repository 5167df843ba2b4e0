"""Errors of poses: none for a motion of the whole volume, pixels for a single slice."""

from __future__ import annotations

import pytest
from pose_chains import CENTER, POINTS, random_chain, rigid

from soct_core.affine import Affine2D
from soct_core.simulation.pose_error import pose_errors


@pytest.mark.parametrize("whole", [rigid(0), rigid(3.0, 20.0, -7.0), rigid(-170.0, 1.0, 2.0)])
def test_the_motion_of_the_whole_volume_is_no_error(whole: Affine2D) -> None:
    true = random_chain(range(5), 0)
    errors = pose_errors({i: p.compose(whole) for i, p in true.items()}, true, POINTS)
    assert list(errors) == list(range(5))
    assert max(errors.values()) < 1e-9


def test_a_slice_off_by_5_pixels_has_an_error_of_5_pixels_less_its_share_of_the_fit() -> None:
    true = {i: rigid(0) for i in range(10)}
    # Pure shifts: the best fit moves the whole by a tenth of it.
    found = true | {4: rigid(0, -3.0, 4.0)}
    errors = pose_errors(found, true, POINTS)
    assert errors.pop(4) == pytest.approx(4.5, abs=1e-6)
    assert list(errors.values()) == pytest.approx([0.5] * 9, abs=1e-6)


def test_a_mirrored_volume_is_an_error_no_motion_can_undo() -> None:
    mirror = Affine2D.of([[-1, 0], [0, 1]], (0, 0), CENTER)
    true = {i: rigid(0) for i in range(3)}
    errors = pose_errors(dict.fromkeys(true, mirror), true, POINTS)
    assert min(errors.values()) > 20
