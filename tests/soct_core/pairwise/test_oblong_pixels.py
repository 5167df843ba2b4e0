"""Pixels with y ≠ x: what turned in µm is found turned in µm."""

from __future__ import annotations

import numpy as np
import pytest
from deep_tissue import CENTER, Floats, Specimen, rms_apart
from registered_pairs import INTERVAL, drifted, motion_of, settings

from soct_core.affine import Affine2D
from soct_core.pairwise.register import Pair, register_slices

LONGER_SIDES = [(2, 1), (1, 2), (3, 2), (2, 3), (1, 3)]
"""How many pixels of 2 µm, (y, x), lie along one pixel."""


def oblong(volume: Floats, sides: tuple[int, int]) -> Floats:
    """Every pixel made finer by a half, then means over so many along y and x."""
    y, x = sides
    fine = np.repeat(np.repeat(volume, 2, axis=1), 2, axis=2)
    height, width = fine.shape[1] // y * y, fine.shape[2] // x * x
    return fine[:, :height, :width].reshape(len(fine), height // y, y, width // x, x).mean(axis=(2, 4))


@pytest.mark.parametrize("sides", LONGER_SIDES)
@pytest.mark.parametrize(("degrees", "shift"), [(3.0, (0.0, 0.0)), (-1.5, (4.0, -3.0))])
def test_a_turn_in_um_is_found(sides: tuple[int, int], degrees: float, shift: tuple[float, float]) -> None:
    y, x = sides
    true = Affine2D.rigid(degrees, shift, CENTER)
    fixed, moving = (oblong(volume, sides) for volume in drifted(true))
    size = (20.0, 5.0 * y, 5.0 * x)
    transform, metrics = register_slices(fixed, moving, Pair(2, 3, float(INTERVAL)), size, settings())
    assert transform is not None
    assert transform.rotation_deg == metrics.rotation_deg == pytest.approx(degrees, abs=0.1)
    # Back in pixels of 10 µm, which the truth is written in.
    found = motion_of(transform).scaled(x / 2, y / 2)
    assert rms_apart(found, true) < 0.2
    assert metrics.registration_confidence > 0.9
    # RMS distance from the centre, in pixels as long as the shorter side.
    assert metrics.tissue_radius_px == pytest.approx(np.hypot(52, 44) / min(sides), rel=0.05)


def test_anatomy_that_turns_is_measured_in_um() -> None:
    specimen = Specimen(turn_deg=0.4, drift=(0.2, -0.3), fades=False)
    fixed = oblong(specimen.slice_at(range(INTERVAL), None, 1), (2, 1))
    moving = oblong(specimen.slice_at(range(INTERVAL, 2 * INTERVAL), None, 2), (2, 1))
    pair = Pair(2, 3, float(INTERVAL))
    _, metrics = register_slices(fixed, moving, pair, (20.0, 10.0, 5.0), settings(anatomy_span_um=80.0))
    assert metrics.anatomy_rate_deg == pytest.approx(0.4, abs=0.05)
    # In pixels of 5 µm, half as long as the specimen's.
    assert metrics.anatomy_rate_x == pytest.approx(0.4, abs=0.06)
    assert metrics.anatomy_rate_y == pytest.approx(-0.6, abs=0.06)
