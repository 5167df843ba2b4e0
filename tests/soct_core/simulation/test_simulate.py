"""How the simulated block drifts and is imaged, and which references may be cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from schemas.simulation import SimulationSettings
from soct_core.affine import Affine2D
from soct_core.errors import BadInputError
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import open_reference, pose_of, simulate
from soct_core.volume import open_volume

SIZE = (20.0, 50.0, 50.0)


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


def test_an_npz_may_not_claim_more_than_it_holds_nor_be_a_pickle(tmp_path: Path) -> None:
    size = np.array([10.0, 5.0, 5.0])
    np.savez(tmp_path / "p.npz", volume=np.array([[[print]]], dtype=object), voxel_size_um=size)
    with pytest.raises(BadInputError, match=r"volume\.npy claims to be object"):
        open_reference(tmp_path / "p.npz")
    np.savez(tmp_path / "v.npz", volume=np.zeros((2, 3, 4), np.uint8), voxel_size_um=size)
    assert open_reference(tmp_path / "v.npz")[0].shape == (2, 3, 4)
    content = (tmp_path / "v.npz").read_bytes()
    (tmp_path / "v.npz").write_bytes(content.replace(b"(2, 3, 4)", b"(9, 9, 9)"))
    with pytest.raises(BadInputError, match=r"v\.npz"):
        open_reference(tmp_path / "v.npz")


def test_drift_is_rigid_in_um_where_pixels_are_not_square(tmp_path: Path) -> None:
    size = (25.0, 40.0, 20.0)
    phantom = PhantomVolume(Phantom.seeded(1), (32, 40, 90), size)
    settings = SimulationSettings(slices=4, drift_deg=9.0, drift_px=4.0, seed=3)
    truth = simulate(phantom, size, settings, tmp_path, "phantom")
    in_um = [pose_of(s).scaled(1.0, 2.0).parts() for s in truth.slices[1:]]
    assert max(abs(parts.rotation_deg) for parts in in_um) > 2
    for parts in in_um:
        assert (parts.scale_x, parts.scale_y) == pytest.approx((1, 1))
        assert parts.shear == pytest.approx(0, abs=1e-9)
