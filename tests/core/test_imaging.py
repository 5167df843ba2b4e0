"""What the simulated microscope does to planes, and how the simulated block drifts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from schemas.simulation import SimulationSettings
from soct_core.affine import Affine2D
from soct_core.simulation.image_formation import attenuation, speckle, uneven_tiles
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import pose_of, simulate
from soct_core.volume import open_volume

SIZE = (20.0, 50.0, 50.0)


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


def simulated(tmp_path: Path, **settings: object) -> tuple[np.ndarray, list[Affine2D]]:
    """Slice 0 of a small acquisition, and the true poses."""
    reference = PhantomVolume(Phantom.seeded(1), (40, 100, 120), SIZE)
    given = SimulationSettings.model_validate({"slices": 4} | settings)
    truth = simulate(reference, SIZE, given, tmp_path / "acq", "phantom")
    first = np.asarray(open_volume(tmp_path / "acq" / "slice_z00.ome.zarr")[:])
    return first, [pose_of(pose) for pose in truth.slices]


def test_the_block_drifts_affinely_when_asked(tmp_path: Path) -> None:
    _, rigid = simulated(tmp_path / "rigid", drift_deg=2.0, drift_px=4.0)
    _, bent = simulated(tmp_path / "bent", drift_deg=2.0, drift_px=4.0, drift_scale=0.02, drift_shear=0.02)
    stretches = [np.linalg.svd(pose.matrix, compute_uv=False) for pose in bent]
    assert max(abs(s - 1).max() for s in stretches) > 0.005
    assert max(abs(s - 1).max() for s in stretches) < 0.1
    assert all(np.allclose(np.linalg.svd(pose.matrix, compute_uv=False), 1) for pose in rigid)


def test_attenuation_and_tiles_darken_the_slice_where_they_should(tmp_path: Path) -> None:
    plain, _ = simulated(tmp_path / "plain", drift_deg=0.0, drift_px=0.0)
    dim, _ = simulated(tmp_path / "dim", drift_deg=0.0, drift_px=0.0, attenuation_um=100.0)
    shares = dim.mean(axis=(1, 2)) / plain.mean(axis=(1, 2))
    np.testing.assert_allclose(shares, np.exp(-np.arange(10) * 20 / 100), rtol=2e-3)
    tiled, _ = simulated(tmp_path / "tiled", drift_deg=0.0, drift_px=0.0, tile_px=20, tile_unevenness=0.3)
    ratio = tiled[0].astype(float) / plain[0]
    np.testing.assert_allclose(ratio, tiled[9].astype(float) / plain[9], atol=5e-3)
    assert ratio[10, 10] > 1.2 * ratio[0, 0]
