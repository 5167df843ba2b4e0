"""Registration: known drifts are recovered, with the sign of the convention, every time alike."""

from __future__ import annotations

import numpy as np
import pytest
from drifting_tissue import SIZE, Drift, noisy, rms_distance, tissue_plane
from numpy.typing import NDArray
from scipy.linalg import polar

from soct_core.affine import Affine2D, plane_center
from soct_core.errors import RegistrationError
from soct_core.registration.elastix import Freedom, Metric, register
from soct_core.registration.working_plane import RegistrationPlane, registration_plane

RIGID = Drift(3.0, (5.3, -4.1))
AFFINE = Drift(-2.0, (-3.7, 6.2), (1.03, 0.98), 0.02)
METRICS: tuple[Metric, ...] = ("CC", "MSE", "MI")


def pair(drift: Drift, finer: int = 1) -> tuple[RegistrationPlane, RegistrationPlane]:
    """Fixed, drifted, and moving, not drifted; each with noise of its own."""
    fixed = noisy(tissue_plane(drift.at(1), finer=finer), 1)
    return registration_plane(fixed), registration_plane(noisy(tissue_plane(finer=finer), 2))


def plane(image: NDArray[np.float64]) -> RegistrationPlane:
    """An image as it is, on a working grid of its own pixels."""
    return RegistrationPlane(image.astype(np.float32), 1)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("freedom", "drift"),
    [
        pytest.param("rigid", RIGID, id="rigid"),
        pytest.param("rigid", RIGID.inverted, id="rigid back"),
        pytest.param("affine", AFFINE, id="affine"),
        pytest.param("affine", AFFINE.inverted, id="affine back"),
    ],
)
def test_known_drifts_are_recovered_over_tissue(freedom: Freedom, drift: Drift, metric: Metric) -> None:
    fixed, moving = pair(drift)
    found = register(fixed, moving, freedom, metric)
    assert rms_distance(drift.at(1), Affine2D.identity(), fixed.tissue) > 5
    assert rms_distance(found, drift.at(1), fixed.tissue) < 0.15
    assert found.center == plane_center((SIZE, SIZE))


def test_rigid_has_no_stretch_and_no_shear() -> None:
    found = register(*pair(AFFINE), "rigid")
    assert found.determinant == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(np.array(found.matrix) @ np.array(found.matrix).T, np.eye(2), atol=1e-9)
    # The rotation nearest to the whole drift, shear and all, is that of its polar decomposition.
    nearest, _ = polar(np.array(AFFINE.at(1).matrix))
    assert found.rotation_deg == pytest.approx(Affine2D.of(nearest, (0, 0)).rotation_deg, abs=0.2)


def test_great_shifts_are_found_through_the_coarse_one() -> None:
    drift = Drift(2.0, (-31, 24))
    fixed, moving = pair(drift)
    assert rms_distance(register(fixed, moving, "rigid"), drift.at(1), fixed.tissue) < 0.15


def test_the_result_is_in_pixels_of_the_slice_whatever_the_working_grid() -> None:
    fixed, moving = pair(RIGID, finer=2)
    assert fixed.factor == 2
    found = register(fixed, moving, "rigid")
    wanted = RIGID.at(1).scaled(2)
    tissue = np.kron(fixed.tissue, np.ones((2, 2), bool))
    assert rms_distance(found, wanted, tissue) < 0.3
    assert found.center == pytest.approx(plane_center((2 * SIZE, 2 * SIZE)))


@pytest.mark.parametrize("metric", METRICS)
def test_repeated_calls_are_bit_identical(metric: Metric) -> None:
    fixed, moving = pair(RIGID)
    first = register(fixed, moving, "affine", metric, 200)
    # Another registration in between must not move the random numbers of the next.
    register(moving, fixed, "rigid", metric, 200)
    assert register(fixed, moving, "affine", metric, 200) == first
    assert register(*pair(RIGID), "affine", metric, 200) == first


def test_fewer_iterations_are_obeyed() -> None:
    fixed, moving = pair(AFFINE)
    assert register(fixed, moving, "affine", "CC", 4) != register(fixed, moving, "affine", "CC", 400)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("side", ["fixed", "moving"])
@pytest.mark.parametrize(
    ("image", "message"),
    [
        pytest.param(np.full((SIZE, SIZE), 7.0), "constant", id="constant"),
        pytest.param(np.zeros((SIZE, SIZE)), "constant", id="zeros"),
        pytest.param(np.full((SIZE, SIZE), 1e6) + np.eye(SIZE) * 1e-3, "constant", id="all but constant"),
        pytest.param(np.eye(15), r"\(15, 15\) pixels, wanted 16", id="tiny"),
        pytest.param(np.eye(SIZE)[:8], r"\(8, 256\) pixels, wanted 16", id="narrow"),
        pytest.param(np.where(np.eye(SIZE) > 0, np.nan, 1.0), "not finite", id="nan"),
        pytest.param(np.where(np.eye(SIZE) > 0, np.inf, 1.0), "not finite", id="inf"),
    ],
)
def test_what_cannot_be_registered_is_an_error_that_names_the_side(
    image: NDArray[np.float64], message: str, side: str, metric: Metric
) -> None:
    good, bad = plane(tissue_plane()), plane(image)
    fixed, moving = (bad, good) if side == "fixed" else (good, bad)
    with pytest.raises(RegistrationError, match=rf"the {side} plane .*{message}"):
        register(fixed, moving, "affine", metric)
