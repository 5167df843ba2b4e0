"""The displacement on top of the affine: found, both ways alike, unfolded, and only where it gains."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from drifting_tissue import CENTER, SIZE, Floats, noisy, tissue_at
from hypothesis import given
from hypothesis import strategies as st
from morphed_gaps import psnr

from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.registration.working_plane import registration_plane
from soct_core.stacking.regrid import Regrid
from soct_core.zmorph.displacement import (
    Displacement,
    exponential,
    find_displacement,
    min_jacobian,
    pulled,
)
from soct_core.zmorph.morph import Morph, Refined
from soct_core.zmorph.sources import TRANSITION, Source
from soct_core.zmorph.walk import Walk

STILL = Affine2D.identity(CENTER)
TURN = Affine2D.rigid(4.0, (3.0, -2.0), CENTER)
REACH = 3.0
SETTINGS = InterpolationSettings()


def swell(share: float) -> Floats:
    """Where the tissue at each pixel comes from, once a share of a smooth swelling is done; (y, x, 2)."""
    y, x = np.indices((SIZE, SIZE), dtype=float)
    points = np.stack((x, y), axis=-1)
    away = points - np.array(CENTER)
    near = np.exp(-0.5 * (np.hypot(away[..., 0], away[..., 1]) / 45) ** 2)
    return np.asarray(points + share * REACH * near[..., None] * np.array([0.8, -0.6]))


@cache
def swollen(share: float, seed: int = 0) -> Floats:
    return noisy(tissue_at(swell(share)), 10 + seed, sigma=5.0)


@cache
def found() -> Displacement:
    """Of tissue that swells by 3 px across the gap; both planes are alike at their middle."""
    sides = registration_plane(swollen(0.5)), registration_plane(swollen(-0.5, 1))
    displacement = find_displacement(*sides, STILL)
    assert displacement is not None
    return displacement


def test_a_known_displacement_is_found() -> None:
    # before(y - v/2) is after(y + v/2): the tissue at y comes from y + v/2 and y - v/2 of the same point.
    wanted = swell(1.0) - swell(0.0)
    inside = np.hypot(*np.moveaxis(wanted, -1, 0)) > 1.0
    missed = np.linalg.norm(found().velocity - wanted, axis=-1)[inside]
    assert np.sqrt((missed**2).mean()) < 0.35
    assert found().min_jacobian > 0.5
    assert 0.3 < found().share <= 1


def test_swapped_sides_turn_the_sign_and_nothing_else() -> None:
    sides = registration_plane(swollen(0.5)), registration_plane(swollen(-0.5, 1))
    there = find_displacement(*sides, TURN)
    back = find_displacement(*sides[::-1], TURN.inverse())
    assert there is not None
    assert back is not None
    np.testing.assert_allclose(there.velocity, -back.velocity, atol=1e-3)


def test_planes_reversed_are_those_of_the_sides_swapped() -> None:
    before, after = swollen(0.5).astype(np.float32), swollen(-0.5, 1).astype(np.float32)
    forth = Refined(found())
    reversed_ = Refined(
        Displacement(-found().velocity, found().min_jacobian, found().rms_px, found().share, 1, (1.0, 1.0))
    )
    one = np.stack(list(Morph.of_planes(before, after, TURN, SETTINGS, refined=forth).planes(5)))
    other = np.stack(
        list(Morph.of_planes(after, before, TURN.inverse(), SETTINGS, refined=reversed_).planes(5))
    )
    assert one[0].tobytes() == before.tobytes()
    assert one[-1].tobytes() == after.tobytes()
    # OpenCV places pixels to 1/32: the middle of two roundings.
    np.testing.assert_allclose(one, other[::-1], atol=0.03 * np.abs(one).max())
    assert np.abs(one - other[::-1]).mean() < 1e-3 * one.mean()


def test_a_displacement_walked_in_equal_steps_is_better_than_the_affine() -> None:
    before, after = swollen(0.5), swollen(-0.5, 1)
    truth = np.stack([tissue_at(swell(0.5 - share)) for share in np.linspace(0, 1, 5)])
    plain = np.stack(list(Morph.of_planes(before, after, STILL, SETTINGS).planes(5)))
    displaced = np.stack(
        list(Morph.of_planes(before, after, STILL, SETTINGS, refined=Refined(found())).planes(5))
    )
    assert psnr(displaced, truth) > psnr(plain, truth) + 2


def test_what_makes_nothing_more_alike_is_not_displaced() -> None:
    same = registration_plane(swollen(0.0)), registration_plane(swollen(0.0, 1))
    alike = find_displacement(*same, STILL)
    assert alike is None or alike.share < 0.01
    # And where one half swells, the other stays.
    before, after = swollen(0.0).copy(), swollen(0.0, 1).copy()
    half = np.s_[:, : SIZE // 2]
    before[half], after[half] = swollen(0.5)[half], swollen(-0.5, 1)[half]
    swelling = find_displacement(registration_plane(before), registration_plane(after), STILL)
    assert swelling is not None
    length = np.hypot(*np.moveaxis(swelling.velocity, -1, 0))
    assert length[110:145, 90:115].mean() > 1.5
    assert length[:, SIZE // 2 + 40 :].mean() < 0.02


@given(share=st.floats(-1, 1), other=st.floats(-1, 1))
def test_shares_of_a_displacement_compose(share: float, other: float) -> None:
    velocity = found().velocity[::4, ::4] / 4
    first, second = exponential(velocity, share), exponential(velocity, other)
    composed = first + pulled(second, first)
    missed = np.abs(composed - exponential(velocity, share + other))
    assert missed.max() < 0.1
    assert missed.mean() < 0.003


def test_a_field_that_folds_is_told_and_smoothed() -> None:
    rng = np.random.default_rng(0)
    wild = rng.normal(0, 6, (64, 64, 2)).astype(np.float32)
    assert min_jacobian(wild) < 0
    assert min_jacobian(np.zeros((8, 8, 2), np.float32)) == 1


def test_a_coarser_grid_beside_the_finer_one_is_led_alike() -> None:
    """Pixels twice as large, whose first lies 8 px right of and 4 px below that of the finer grid."""
    regrid, rest = Regrid((0.5, 0.5)), (4.0, 2.0)
    plane = cv2.GaussianBlur(swollen(0.0).astype(np.float32), (0, 0), 4.0)
    small = plane[4::2, 8::2].copy()
    shape = small.shape[0], small.shape[1]
    coarser = Walk(regrid.motion(TURN, rest, rest), regrid.displacement(found(), rest), shape)
    plain = Walk(regrid.motion(TURN, rest, rest), None, shape)
    whole, part = (slice(0, SIZE), slice(0, SIZE)), (slice(20, shape[0] - 20), slice(20, shape[1] - 20))
    for side, alpha in ((0, 0.7), (1, 0.4)):
        finer = Walk(TURN, found(), (SIZE, SIZE))
        wanted = finer.lead(lambda box: (plane[box], None), alpha, side, whole)[0][4::2, 8::2][part]
        led, missed = (
            walk.lead(lambda box: (small[box], None), alpha, side, part)[0] - wanted
            for walk in (coarser, plain)
        )
        assert np.abs(led).mean() < 0.1 * np.abs(missed).mean()


@pytest.mark.parametrize("aspect", [(1.0, 1.0), (1.0, 2.0)])
def test_a_walk_without_a_length_is_that_of_the_affine(aspect: tuple[float, float]) -> None:
    plane = swollen(0.0)[:201, :203].astype(np.float32)
    still = np.zeros((100, 68, 2), np.float32)
    walk = Walk(TURN, Displacement(still, 1.0, 0.0, 0.0, 3, aspect), (201, 203))
    plain = Walk(TURN, None, (201, 203))
    whole = slice(0, 201), slice(0, 203)
    for side in (0, 1):
        values, covered = walk.lead(lambda box: (plane[box], None), 0.3, side, whole)
        wanted, inside = plain.lead(lambda box: (plane[box], None), 0.3, side, whole)
        assert covered is not None
        assert inside is not None
        assert (covered == inside).mean() > 0.999
        # Both round places to 1/32 of a pixel, each in its way.
        assert np.abs(values - wanted)[covered & inside].max() < 0.05 * np.ptp(plane)


def test_the_source_leads_from_the_raw_face_to_the_mean_without_a_step() -> None:
    face, mean = np.zeros((4, 4), np.float32), np.ones((4, 4), np.float32)
    source = Source(face, None, mean, None)
    depths = np.linspace(0, 2 * TRANSITION, 41)
    shares = [float(source.at(depth)[0][0, 0]) for depth in depths]
    assert source.at(0.0)[0] is face
    assert source.at(TRANSITION)[0] is mean
    assert np.diff(shares).min() >= 0
    assert np.diff(shares).max() < 0.08
