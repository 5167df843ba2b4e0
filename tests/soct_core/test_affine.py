"""Affine motions: the algebra that the morph and the poses stand on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from soct_core.affine import Affine2D, plane_center
from soct_core.errors import RegistrationError
from soct_core.planes.warp import coverage, warp

POINTS = np.array([[0.0, 0.0], [255.0, 0.0], [0.0, 199.0], [255.0, 199.0], [100.5, 77.25]])

small = st.floats(-0.25, 0.25, allow_subnormal=False)
pixels = st.floats(-60, 60, allow_subnormal=False)
centers = st.tuples(st.floats(-300, 300), st.floats(-300, 300))
# Depths of planes are such fractions; scipy takes long for exponents beside 0.
exponents = st.integers(-96, 96).map(lambda n: n / 64)
quick = settings(max_examples=40, deadline=None)
# Entries this close to the identity keep every eigenvalue off the negative axis.
affines = st.builds(
    lambda a, b, c, d, t, center: Affine2D.of([[1 + a, b], [c, 1 + d]], t, center),
    small,
    small,
    small,
    small,
    st.tuples(pixels, pixels),
    centers,
)


def assert_same_motion(a: Affine2D, b: Affine2D, tolerance: float = 1e-6) -> None:
    """Both move the corners of a plane to the same places, whatever their centres."""
    np.testing.assert_allclose(a.apply(POINTS), b.apply(POINTS), rtol=0, atol=tolerance)


@quick
@given(affines, exponents, exponents)
def test_powers_compose_by_adding_exponents(motion: Affine2D, a: float, b: float) -> None:
    assert_same_motion(motion.power(a).compose(motion.power(b)), motion.power(a + b))


@quick
@given(affines)
def test_half_the_motion_twice_is_the_motion(motion: Affine2D) -> None:
    half = motion.power(0.5)
    assert_same_motion(half.compose(half), motion)


@quick
@given(affines)
def test_the_power_minus_one_is_the_inverse(motion: Affine2D) -> None:
    assert_same_motion(motion.power(-1.0), motion.inverse())


@quick
@given(affines)
def test_a_motion_and_its_inverse_move_nothing(motion: Affine2D) -> None:
    np.testing.assert_allclose(motion.inverse().apply(motion.apply(POINTS)), POINTS, atol=1e-8)
    assert_same_motion(motion.compose(motion.inverse()), Affine2D.identity())


@quick
@given(affines)
def test_powers_0_and_1_are_exact(motion: Affine2D) -> None:
    assert motion.power(1) == motion
    assert motion.power(1.0) == motion
    assert motion.power(0) == Affine2D.identity(motion.center)
    assert motion.power(0.0) == Affine2D.identity(motion.center)


@quick
@given(affines, affines)
def test_compose_applies_the_other_first(outer: Affine2D, inner: Affine2D) -> None:
    composed = outer.compose(inner)
    np.testing.assert_allclose(composed.apply(POINTS), outer.apply(inner.apply(POINTS)), atol=1e-8)
    assert composed.center == outer.center


def test_composition_does_not_commute() -> None:
    turn, shift = Affine2D.rigid(90, (0, 0)), Affine2D.rigid(0, (10, 0))
    np.testing.assert_allclose(turn.compose(shift).apply([0, 0]), [0, 10], atol=1e-12)
    np.testing.assert_allclose(shift.compose(turn).apply([0, 0]), [10, 0], atol=1e-12)


@quick
@given(affines, centers)
def test_about_another_centre_it_is_the_same_motion(motion: Affine2D, center: tuple[float, float]) -> None:
    moved = motion.about(center)
    assert moved.center == center
    assert moved.matrix == motion.matrix
    assert_same_motion(moved, motion, 1e-8)


@quick
@given(affines, centers, exponents)
def test_powers_do_not_depend_on_the_centre(
    motion: Affine2D, center: tuple[float, float], exponent: float
) -> None:
    assert_same_motion(motion.about(center).power(exponent), motion.power(exponent))


@quick
@given(affines, st.sampled_from([2, 3, 5, 1 / 2, 1 / 4]))
def test_scaled_is_the_same_motion_on_another_grid(motion: Affine2D, factor: float) -> None:
    def finer(points: np.ndarray) -> np.ndarray:
        # The block of `factor` pixels from factor * x on has its centre here.
        return factor * points + (factor - 1) / 2

    np.testing.assert_allclose(
        motion.scaled(factor).apply(finer(POINTS)), finer(motion.apply(POINTS)), atol=1e-8
    )


@quick
@given(st.tuples(pixels, pixels), exponents, centers)
def test_powers_of_translations_are_shares_of_them(
    shift: tuple[float, float], exponent: float, center: tuple[float, float]
) -> None:
    share = Affine2D.of(np.eye(2), shift, center).power(exponent)
    np.testing.assert_allclose(share.matrix, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(share.translation, exponent * np.array(shift), atol=1e-9)


@quick
@given(st.floats(-170, 170), exponents)
def test_powers_of_rotations_are_shares_of_the_angle(angle: float, exponent: float) -> None:
    share = Affine2D.rigid(angle, (0, 0), (127.5, 99.5)).power(exponent)
    assert_same_motion(share, Affine2D.rigid(angle * exponent, (0, 0), (127.5, 99.5)))


@quick
@given(st.floats(-3, 3, allow_subnormal=False), st.tuples(pixels, pixels), exponents)
def test_powers_of_defective_shears_are_exact(
    shear: float, shift: tuple[float, float], exponent: float
) -> None:
    power = Affine2D.of([[1, shear], [0, 1]], shift).power(exponent)
    # H = I + N with N cubed = 0, so that H**a = I + a N + a (a - 1) / 2 N**2 ends there.
    n = np.array([[0, shear, shift[0]], [0, 0, shift[1]], [0, 0, 0]])
    wanted = np.eye(3) + exponent * n + exponent * (exponent - 1) / 2 * n @ n
    np.testing.assert_allclose(power.matrix, wanted[:2, :2], atol=1e-9)
    np.testing.assert_allclose(power.translation, wanted[:2, 2], atol=1e-6)


@quick
@given(st.lists(st.floats(-1, 1), min_size=6, max_size=6), st.integers(-16, -5), exponents)
def test_powers_near_the_identity_are_first_order(
    entries: list[float], magnitude: int, exponent: float
) -> None:
    tiny = np.array(entries) * 10.0**magnitude
    power = Affine2D.of(np.eye(2) + tiny[:4].reshape(2, 2), tiny[4:], (127.5, 99.5)).power(exponent)
    tolerance = 10 * 10.0 ** (2 * magnitude) + 1e-14
    np.testing.assert_allclose(power.matrix, np.eye(2) + exponent * tiny[:4].reshape(2, 2), atol=tolerance)
    np.testing.assert_allclose(power.translation, exponent * tiny[4:], atol=tolerance)


@pytest.mark.parametrize(
    "matrix",
    [
        pytest.param([[-1, 0], [0, -1]], id="half a turn"),
        pytest.param([[1, 0], [0, -1]], id="mirrored in y"),
        pytest.param([[-1, 0], [0, 1]], id="mirrored in x"),
        pytest.param([[0, 1], [1, 0]], id="axes swapped"),
    ],
)
@pytest.mark.parametrize("exponent", [0.5, -0.5, 0.25])
def test_motions_without_a_real_power_are_refused(matrix: list[list[float]], exponent: float) -> None:
    with pytest.raises(RegistrationError, match="no real power"):
        Affine2D.of(matrix, (3, 4)).power(exponent)


def test_the_imaginary_part_is_reported_and_negligible() -> None:
    motion = Affine2D.rigid(30, (5, -4), (127.5, 99.5))
    power, imaginary = motion.power_and_imaginary(0.3)
    assert 0 <= imaginary < 1e-9
    assert power == motion.power(0.3)


def test_a_degenerate_motion_has_no_inverse() -> None:
    flat = Affine2D.of([[1, 2], [2, 4]], (0, 0))
    assert flat.determinant == 0
    with pytest.raises(RegistrationError, match="degenerate"):
        flat.inverse()


@quick
@given(st.floats(-80, 80), st.floats(0.5, 2), st.floats(0.5, 2), st.floats(-0.5, 0.5))
def test_parts_take_a_motion_apart(angle: float, scale_x: float, scale_y: float, shear: float) -> None:
    cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    matrix = np.array([[cos, -sin], [sin, cos]]) @ [[1, shear], [0, 1]] @ np.diag([scale_x, scale_y])
    motion = Affine2D.of(matrix, (1, 2))
    parts = motion.parts()
    assert parts.rotation_deg == pytest.approx(angle, abs=1e-9)
    assert motion.rotation_deg == parts.rotation_deg
    assert (parts.scale_x, parts.scale_y) == pytest.approx((scale_x, scale_y))
    assert parts.shear == pytest.approx(shear, abs=1e-9)
    assert motion.determinant == pytest.approx(scale_x * scale_y)


def test_a_quarter_turn_takes_x_to_y_about_its_centre() -> None:
    turn = Affine2D.rigid(90, (0, 0), (10, 20))
    np.testing.assert_allclose(turn.apply([[11, 20], [10, 20]]), [[10, 21], [10, 20]], atol=1e-12)


def test_the_convention_is_that_of_itk() -> None:
    motion = Affine2D.of([[1.1, 0.2], [-0.1, 0.9]], (3, 4), (10, 20))
    # A (x - c) + c + t, written out for x = (13, 18).
    wanted = (1.1 * 3 + 0.2 * -2 + 10 + 3, -0.1 * 3 + 0.9 * -2 + 20 + 4)
    np.testing.assert_allclose(motion.apply([13, 18]), wanted)


@pytest.mark.parametrize(
    "motion",
    [
        Affine2D.rigid(0, (5.25, -3.5)),
        Affine2D.rigid(12, (4, -3), (30.5, 20.5)),
        Affine2D.of([[1.1, 0.15], [-0.05, 0.92]], (-2.5, 6.25), (31.3, 24.2)),
    ],
)
def test_yx_is_what_scipy_takes_and_warp_agrees(motion: Affine2D) -> None:
    image = np.random.default_rng(5).uniform(1, 2, (50, 64))
    matrix, offset = motion.yx()
    by_scipy = ndimage.affine_transform(image, matrix, offset, order=1, mode="constant", cval=np.nan)
    inside = coverage((50, 64), motion)
    np.testing.assert_array_equal(inside, np.isfinite(by_scipy))
    assert 0.3 < inside.mean() < 1
    np.testing.assert_allclose(warp(image, motion)[inside], by_scipy[inside], atol=1e-9)


@pytest.mark.parametrize(
    ("value", "finite"), [(1.0, True), (float("nan"), False), (float("inf"), False), (-float("inf"), False)]
)
def test_a_motion_knows_whether_it_is_finite(value: float, finite: bool) -> None:
    assert Affine2D.of([[1, value], [0, 1]], (0, 0)).is_finite() is finite
    assert Affine2D.of(np.eye(2), (0, value)).is_finite() is finite


def test_the_centre_of_a_plane_is_between_its_outer_pixels() -> None:
    assert plane_center((50, 64)) == (31.5, 24.5)
