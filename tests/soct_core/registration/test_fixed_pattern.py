"""What stands still in the image: it never leads a registration, and unmoved tissue stays believed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from deep_tissue import CENTER, Floats, rms_apart
from registered_pairs import drifted, motion_of, registered

from soct_core.affine import Affine2D
from soct_core.registration.fixed_pattern import without_frame, without_stripes
from soct_core.registration.working_plane import registration_plane

Pattern = Callable[[Floats], None]
MOVED = Affine2D.rigid(1.0, (5.0, -4.0), CENTER)
STILL = Affine2D.identity(CENTER)


def frame(width: int, value: float) -> Pattern:
    def draw(volume: Floats) -> None:
        volume[:, :width] = volume[:, -width:] = value
        volume[..., :width] = volume[..., -width:] = value

    return draw


def rows(volume: Floats) -> None:
    volume[:, ::16] += 1500.0


def columns(volume: Floats) -> None:
    volume[..., 5::20] = 3000.0


def mark(volume: Floats) -> None:
    volume[:, 48:62, 40:80:3] = 4000.0


def dead(volume: Floats) -> None:
    volume[..., [31, 32, 77]] = 0.0


PATTERNS: dict[str, Pattern] = {
    "thin frame": frame(1, 9000.0),
    "wide frame": frame(8, 4000.0),
    "dark frame": frame(4, 150.0),
    "rows": rows,
    "columns": columns,
    "mark": mark,
    "dead columns": dead,
}


@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("motion", [MOVED, STILL], ids=["moved", "still"])
def test_what_stands_still_does_not_lead(name: str, motion: Affine2D) -> None:
    fixed, moving = drifted(motion)
    for volume in (fixed, moving):
        PATTERNS[name](volume)
    transform, metrics = registered(fixed, moving)
    right = rms_apart(motion_of(transform), motion) < 0.4
    assert right or metrics.registration_confidence < 0.3
    assert metrics.rotation_deg is not None
    assert metrics.registration_confidence < 0.3 or abs(metrics.rotation_deg - motion.rotation_deg) < 0.25


@pytest.mark.parametrize("motion", [MOVED, STILL], ids=["moved", "still"])
def test_tissue_alone_has_nothing_that_stands_still(motion: Affine2D) -> None:
    _, metrics = registered(*drifted(motion))
    assert metrics.registration_confidence > 0.9


def test_a_frame_of_one_shade_is_not_measured() -> None:
    fixed, moving = (volume[0] for volume in drifted(MOVED))
    for plane in (fixed, moving):
        frame(5, 2000.0)(plane[None])
    planes = registration_plane(fixed), registration_plane(moving)
    found = without_frame(*planes)
    for plane in (found.fixed, found.moving):
        assert plane.measured is not None
        assert not plane.measured[:5].any()
        assert not plane.measured[:, -5:].any()
        assert plane.measured[5:-5, 5:-5].all()
    assert without_frame(planes[0], registration_plane(drifted(MOVED)[1][0])).fixed is planes[0]


def test_stripes_are_told_from_tissue() -> None:
    plain = [registration_plane(volume[0]) for volume in drifted(STILL)]
    assert without_stripes(plain[0], plain[1]).share == 0
    volumes = drifted(MOVED)
    for volume in volumes:
        rows(volume)
    striped = [registration_plane(volume[0]) for volume in volumes]
    found = without_stripes(striped[0], striped[1])
    assert found.share > 0
    profile = [np.abs(np.diff(p.image.mean(axis=1))).max() for p in (striped[0], found.fixed)]
    assert profile[1] < profile[0] / 3
