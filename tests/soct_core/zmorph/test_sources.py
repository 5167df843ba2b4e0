"""Sources of the inner planes: as many planes as the noise asks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from soct_core.simulation.image_formation import speckle
from soct_core.zmorph.sources import best_count, best_of_the_face, noise_variance, source_planes, variogram

MIDDLE = (64.0, 64.0)


def changing(noise: float, seed: int = 0) -> NDArray[np.float32]:
    """Planes of anatomy that changes with depth, with noise of its own in each."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:1:128j, 0:1:128j]
    anatomy = [1000 + 200 * np.sin(9 * x + 0.05 * z) * np.cos(8 * y - 0.04 * z) for z in range(20)]
    return np.stack([plane + rng.normal(0, noise, plane.shape) for plane in anatomy]).astype(np.float32)


@pytest.mark.parametrize(("noise", "least", "most"), [(0.0, 1, 1), (2.0, 1, 1), (40.0, 2, 5), (200.0, 6, 7)])
def test_as_many_planes_as_the_noise_asks(noise: float, least: int, most: int) -> None:
    volume = changing(noise)
    count, found = source_planes(volume[:8], volume[12:], "auto", 5.0, MIDDLE)
    assert least <= count <= most
    assert found == pytest.approx(noise, rel=0.1, abs=2.5)


def test_speckle_of_one_look_asks_for_many() -> None:
    rng = np.random.default_rng(1)
    volume = changing(0.0) * np.stack([speckle((128, 128), 1, 0.7, rng) for _ in range(20)])
    assert source_planes(volume[:8], volume[12:], "auto", 5.0, MIDDLE)[0] == 7


def test_anatomy_that_changes_from_plane_to_plane_is_no_noise() -> None:
    for growth in (1.0, 2.0):
        differences = np.arange(1, 8, dtype=float) ** growth
        assert noise_variance(differences) == 0
        assert best_count(differences, 0.0, 5.0) == 1
    # Rough anatomy looks like a little noise; that little is left alone.
    rough = np.arange(1, 8, dtype=float) ** 0.6
    assert 0 < noise_variance(rough) < 0.25
    assert best_count(rough, noise_variance(rough), 5.0) == 1


def test_planes_that_mislead_are_left_out() -> None:
    # What shines at the gap fades within a plane: all planes but the face show nothing of it.
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:1:128j, 0:1:128j]
    shining = [200 * np.exp(-k) * np.sin(25 * x) * np.cos(21 * y) for k in range(8)]
    fading = np.stack([1000 + plane + rng.normal(0, 40, plane.shape) for plane in shining])
    fading = fading.astype(np.float32)
    differences = variogram(fading)
    assert best_count(differences, noise_variance(differences), 5.0) > 2
    assert source_planes(fading[::-1], fading, "auto", 5.0, MIDDLE)[0] == 1
    # It is enough that they mislead on one side.
    steady = changing(40.0)[:8]
    assert source_planes(steady, steady[::-1], "auto", 5.0, MIDDLE)[0] > 1
    assert source_planes(steady, fading, "auto", 5.0, MIDDLE)[0] == 1


def test_the_face_is_predicted_best_by_the_mean_that_errs_least() -> None:
    face = np.zeros((4, 4), np.float32)
    planes = np.stack([face, face + 4, face - 2, face - 2, face + 9])
    assert best_of_the_face(planes) == 3
    assert best_of_the_face(planes[:1]) == 1


def test_a_slice_of_one_plane_has_one_source() -> None:
    volume = changing(50.0)
    assert source_planes(volume[:1], volume[12:], "auto", 5.0, MIDDLE) == (1, 0.0)
    assert variogram(volume[:1]).size == 0


def test_a_depth_in_micrometres_needs_voxels_that_know_theirs() -> None:
    volume = changing(5.0)
    with pytest.raises(ValueError, match="voxel_size_um"):
        source_planes(volume[:8], volume[12:], 30.0, 5.0, MIDDLE)
