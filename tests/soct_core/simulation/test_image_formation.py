"""What the simulated microscope does to planes."""

from __future__ import annotations

import numpy as np
import pytest

from soct_core.simulation.image_formation import attenuation, speckle, uneven_tiles


def neighbours_alike(field: np.ndarray) -> float:
    """Correlation of pixels next to each other."""
    return float(np.corrcoef(field[:, :-1].ravel(), field[:, 1:].ravel())[0, 1])


@pytest.mark.parametrize("grain_px", [0.0, 1.5])
@pytest.mark.parametrize("looks", [1.0, 4.0, 16.0])
def test_speckle_has_mean_1_and_the_variance_of_its_looks(looks: float, grain_px: float) -> None:
    field = speckle((400, 500), looks, grain_px, np.random.default_rng(0))
    assert field.mean() == pytest.approx(1.0, abs=0.03)
    # Of one look the smoothed field is clipped at zero, which takes a quarter of its variance.
    assert field.var() * looks == pytest.approx(1.0, abs=0.3 if looks == 1 else 0.1)
    assert field.min() >= 0


def test_speckle_grains_correlate_neighbours() -> None:
    rng = np.random.default_rng(0)
    assert abs(neighbours_alike(speckle((300, 300), 4, 0.0, rng))) < 0.02
    # Gaussian grains: the correlation at distance d is exp(-d^2 / (4 sigma^2)).
    assert neighbours_alike(speckle((300, 300), 4, 1.5, rng)) == pytest.approx(np.exp(-1 / 9), abs=0.03)


def test_light_falls_to_1_over_e_within_its_length() -> None:
    assert attenuation(0.0, 150.0) == 1.0
    assert attenuation(150.0, 150.0) == pytest.approx(np.exp(-1))
    assert attenuation(150.0, None) == 1.0


def test_tiles_fade_towards_their_corners_and_differ_in_gain() -> None:
    light = uneven_tiles((96, 160), 32, 0.2, np.random.default_rng(0))
    assert light.shape == (96, 160)
    tile = light[32:64, 32:64]
    assert tile[0, 0] / tile[16, 16] == pytest.approx(0.8, abs=0.02)
    assert tile[16, 0] / tile[16, 16] == pytest.approx(0.9, abs=0.02)
    centres = light[16::32, 16::32]
    assert centres.shape == (3, 5)
    assert centres.std() > 0.02
    assert np.abs(centres - 1).max() <= 0.1 + 1e-2
