"""Registration: known drifts are recovered, with the sign of the convention, every time alike."""

from __future__ import annotations

import numpy as np
import pytest
from drifting_tissue import SIZE, Drift, noisy, rms_distance, tissue_plane
from numpy.typing import NDArray
from scipy.linalg import polar

from schemas.settings import InterpolationSettings, RegistrationEngine, RegistrationMetric
from soct_core.affine import Affine2D, Freedom, plane_center
from soct_core.errors import RegistrationError
from soct_core.registration import register as module
from soct_core.registration.likeness import ncc_before_and_after
from soct_core.registration.register import register
from soct_core.registration.working_plane import RegistrationPlane, registration_plane

RIGID = Drift(3.0, (5.3, -4.1))
AFFINE = Drift(-2.0, (-3.7, 6.2), (1.03, 0.98), 0.02)
METRICS: tuple[RegistrationMetric, ...] = ("CC", "MSE", "MI")
ENGINES: tuple[RegistrationEngine, ...] = ("ecc_elastix", "elastix", "ecc")
ANY = InterpolationSettings()


def by(
    engine: RegistrationEngine = "ecc_elastix", metric: RegistrationMetric = "CC", steps: int = 1000
) -> InterpolationSettings:
    return InterpolationSettings(registration_engine=engine, registration_metric=metric, max_iterations=steps)


def pair(drift: Drift, finer: int = 1) -> tuple[RegistrationPlane, RegistrationPlane]:
    """Fixed, drifted, and moving, not drifted; each with noise of its own."""
    fixed = noisy(tissue_plane(drift.at(1), finer=finer), 1)
    return registration_plane(fixed), registration_plane(noisy(tissue_plane(finer=finer), 2))


def plane(image: NDArray[np.float64]) -> RegistrationPlane:
    """An image as it is, on a working grid of its own pixels."""
    return RegistrationPlane(image.astype(np.float32), 1)


@pytest.mark.parametrize(
    "choice",
    [
        *(pytest.param(by("elastix", metric), id=f"elastix {metric}") for metric in METRICS),
        *(pytest.param(by("ecc_elastix", metric), id=f"refined by {metric}") for metric in METRICS),
        pytest.param(by("ecc"), id="ecc"),
    ],
)
@pytest.mark.parametrize(
    ("freedom", "drift"),
    [
        pytest.param("rigid", RIGID, id="rigid"),
        pytest.param("rigid", RIGID.inverted, id="rigid back"),
        pytest.param("affine", AFFINE, id="affine"),
        pytest.param("affine", AFFINE.inverted, id="affine back"),
    ],
)
def test_known_drifts_are_recovered_over_tissue(
    freedom: Freedom, drift: Drift, choice: InterpolationSettings
) -> None:
    fixed, moving = pair(drift)
    found = register(fixed, moving, freedom, choice).motion
    assert rms_distance(drift.at(1), Affine2D.identity(), fixed.tissue) > 5
    assert rms_distance(found, drift.at(1), fixed.tissue) < 0.15
    assert found.center == plane_center((SIZE, SIZE))


def test_rigid_has_no_stretch_and_no_shear() -> None:
    found = register(*pair(AFFINE), "rigid", ANY).motion
    assert found.determinant == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(np.array(found.matrix) @ np.array(found.matrix).T, np.eye(2), atol=1e-9)
    # The rotation nearest to the whole drift, shear and all, is that of its polar decomposition.
    nearest, _ = polar(np.array(AFFINE.at(1).matrix))
    assert found.rotation_deg == pytest.approx(Affine2D.of(nearest, (0, 0)).rotation_deg, abs=0.2)


def test_great_shifts_are_found_through_the_coarse_one() -> None:
    drift = Drift(2.0, (-31, 24))
    fixed, moving = pair(drift)
    assert rms_distance(register(fixed, moving, "rigid", ANY).motion, drift.at(1), fixed.tissue) < 0.15


def test_the_result_is_in_pixels_of_the_slice_whatever_the_working_grid() -> None:
    fixed, moving = pair(RIGID, finer=2)
    assert fixed.factor == 2
    found = register(fixed, moving, "rigid", ANY).motion
    wanted = RIGID.at(1).scaled(2)
    tissue = np.kron(fixed.tissue, np.ones((2, 2), bool))
    assert rms_distance(found, wanted, tissue) < 0.3
    assert found.center == pytest.approx(plane_center((2 * SIZE, 2 * SIZE)))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("engine", ENGINES)
def test_repeated_calls_are_bit_identical(metric: RegistrationMetric, engine: RegistrationEngine) -> None:
    fixed, moving = pair(RIGID)
    choice = by(engine, metric, 200)
    first = register(fixed, moving, "affine", choice)
    # Another registration in between must not move the random numbers of the next.
    register(moving, fixed, "rigid", choice)
    assert register(fixed, moving, "affine", choice) == first
    assert register(*pair(RIGID), "affine", choice) == first


def test_fewer_iterations_are_obeyed() -> None:
    fixed, moving = pair(AFFINE)
    few, many = (register(fixed, moving, "affine", by("elastix", steps=n)) for n in (4, 400))
    assert few != many


def test_the_engines_disagree_by_little_and_say_so() -> None:
    fixed, moving = pair(AFFINE)
    both = register(fixed, moving, "affine", by())
    alone = register(fixed, moving, "affine", by("ecc"))
    assert both.disagreement_px is not None
    assert 0 < both.disagreement_px < 0.3
    assert alone.disagreement_px is None
    assert rms_distance(both.motion, alone.motion, fixed.tissue) <= both.disagreement_px + 1e-6


def test_a_refinement_that_is_worse_than_its_start_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed, moving = pair(RIGID)
    start = register(fixed, moving, "rigid", by("ecc")).motion
    off = Affine2D.rigid(4.0, (3.0, 0.0), plane_center((SIZE, SIZE)))
    monkeypatch.setattr(module, "optimise", lambda *_: off)
    found = register(fixed, moving, "rigid", by())
    assert found.motion == start
    assert found.disagreement_px is not None
    assert found.disagreement_px > 3


def test_elastix_alone_is_asked_where_ecc_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "align", lambda *_: None)
    fixed, moving = pair(RIGID)
    found = register(fixed, moving, "rigid", by())
    assert rms_distance(found.motion, RIGID.at(1), fixed.tissue) < 0.15
    assert found.disagreement_px is None
    with pytest.raises(RegistrationError, match="nothing in common"):
        register(fixed, moving, "rigid", by("ecc"))


def test_refined_motion_is_at_least_as_like_as_that_of_ecc() -> None:
    for seed, drift in enumerate((RIGID, AFFINE, AFFINE.inverted)):
        fixed, moving = pair(drift)
        scores = [
            ncc_before_and_after(fixed, moving, register(fixed, moving, "affine", by(engine)).motion)[1]
            for engine in ("ecc_elastix", "ecc")
        ]
        assert scores[0] >= scores[1] - 1e-6, seed


@pytest.mark.parametrize("engine", ENGINES)
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
    image: NDArray[np.float64], message: str, side: str, engine: RegistrationEngine
) -> None:
    good, bad = plane(tissue_plane()), plane(image)
    fixed, moving = (bad, good) if side == "fixed" else (good, bad)
    with pytest.raises(RegistrationError, match=rf"the {side} plane .*{message}"):
        register(fixed, moving, "affine", by(engine))
