"""Warps, coverage and likeness: signs and figures known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from drifting_tissue import Drift, noisy, tissue_plane
from numpy.typing import NDArray

from soct_core.affine import Affine2D, plane_center
from soct_core.planes.dtypes import to_dtype, to_float
from soct_core.planes.warp import coverage, warp
from soct_core.registration.likeness import displacement_rms, ncc, ncc_before_and_after, shared_tissue
from soct_core.registration.phase_correlation import coarse_shift, phase_shift
from soct_core.registration.working_plane import registration_plane

Floats = NDArray[np.float64]


def shift(x: float, y: float) -> Affine2D:
    """A translation."""
    return Affine2D.rigid(0, (x, y))


def blobs(offset_x: float = 0.0, offset_y: float = 0.0) -> NDArray[np.float32]:
    """Four unlike blobs, moved by an offset towards greater x and y."""
    y, x = np.indices((120, 150), dtype=float)
    image = np.zeros((120, 150))
    for cx, cy, size, height in ((50, 40, 5, 3), (95, 50, 8, 2), (70, 85, 6, 4), (100, 85, 4, 2)):
        image += height * np.exp(-((x - cx - offset_x) ** 2 + (y - cy - offset_y) ** 2) / (2 * size**2))
    return image.astype(np.float32)


def test_out_of_x_is_plane_of_motion_of_x() -> None:
    plane = np.zeros((20, 30))
    plane[7, 11] = 1.0
    moved = warp(plane, shift(3, -2))
    # out(x) = plane(x + 3, y - 2), so that what lay at (11, 7) now lies at (8, 9).
    assert np.argwhere(moved == 1.0).tolist() == [[9, 8]]
    assert moved.sum() == 1.0


def test_a_fraction_of_a_pixel_is_linear() -> None:
    plane = np.tile(np.arange(30.0) * 10, (20, 1))
    np.testing.assert_allclose(warp(plane, shift(0.25, 0.5))[:-1, :-1], plane[:-1, :-1] + 2.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_identity_changes_nothing_and_keeps_the_dtype(dtype: type) -> None:
    plane = np.random.default_rng(0).normal(0, 1e3, (33, 47)).astype(dtype)
    same = warp(plane, Affine2D.identity((5.0, 6.0)))
    assert same.dtype == dtype
    np.testing.assert_allclose(same, plane, rtol=1e-12)


def test_pixels_from_outside_hold_a_value_near_the_edge() -> None:
    # Zeros there would be an edge of their own, brighter than any tissue, to whatever registers.
    plane = np.random.default_rng(0).uniform(500, 600, (40, 50))
    motion = Affine2D.rigid(5, (8, -6), plane_center((40, 50)))
    outside = ~coverage((40, 50), motion)
    assert outside.sum() > 300
    assert warp(plane, motion)[outside].min() >= 500
    assert warp(plane, motion)[outside].max() <= 600


def test_the_output_may_have_another_shape() -> None:
    plane = np.random.default_rng(0).uniform(1, 2, (40, 50))
    cut = warp(plane, shift(5, 3), (20, 30))
    np.testing.assert_array_equal(cut, plane[3:23, 5:35])
    assert coverage((40, 50), shift(25, 3), (20, 30)).tolist() == [[x < 25 for x in range(30)]] * 20


@pytest.mark.parametrize(
    ("dx", "dy", "inside"),
    [
        (0, 0, np.s_[:, :]),
        (3, 0, np.s_[:, :27]),
        (-3, 0, np.s_[:, 3:]),
        (0, 4, np.s_[:16, :]),
        (2.5, -1.5, np.s_[2:, :27]),
        (40, 0, np.s_[:0, :0]),
    ],
)
def test_coverage_is_where_the_source_lies_within(dx: float, dy: float, inside: tuple[slice, slice]) -> None:
    wanted = np.zeros((20, 30), bool)
    wanted[inside] = True
    np.testing.assert_array_equal(coverage((20, 30), shift(dx, dy)), wanted)


@pytest.mark.parametrize(
    ("dtype", "wide"),
    [
        ("u1", "f4"),
        ("i2", "f4"),
        ("u2", "f4"),
        ("u4", "f8"),
        ("i4", "f8"),
        ("f2", "f4"),
        ("f4", "f4"),
        ("f8", "f8"),
    ],
)
def test_planes_pass_through_floats_without_loss(dtype: str, wide: str) -> None:
    limits = np.iinfo(dtype) if dtype[0] in "iu" else np.finfo(dtype)
    plane = np.array([[limits.min, 0, 1, limits.max]], dtype=dtype)
    as_float = to_float(plane)
    assert as_float.dtype == wide
    assert to_dtype(as_float, plane.dtype).tobytes() == plane.tobytes()


def test_integers_are_rounded_and_clipped_not_wrapped() -> None:
    plane = np.array([-3.2, 0.4, 0.6, 254.6, 300.0])
    assert to_dtype(plane, np.dtype("u1")).tolist() == [0, 0, 1, 255, 255]
    assert to_dtype(np.array([-4e4, 4e4, -1.6]), np.dtype("i2")).tolist() == [-32768, 32767, -2]
    assert to_dtype(np.array([-1.0, 1e30]), np.dtype("u8"))[0] == 0
    assert to_dtype(np.array([-1.0, 1e30]), np.dtype("u8"))[1] > 2**63


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        ([1, 2, 3], [1, 2, 3], 1.0),
        ([1, 2, 3], [10, 20, 30], 1.0),
        ([1, 2, 3], [-1, -2, -3], -1.0),
        ([1, 2, 3], [1, 3, 2], 0.5),
        ([1, 2, 3, 4], [1, -1, -1, 1], 0.0),
        ([1, 2, 3], [7, 7, 7], 0.0),
        ([5, 5, 5], [5, 5, 5], 0.0),
        ([5], [5], 0.0),
    ],
)
def test_ncc_of_known_pairs(a: list[float], b: list[float], wanted: float) -> None:
    assert ncc(np.float32([a]), np.float32([b])) == pytest.approx(wanted, abs=1e-12)


def test_ncc_sees_only_the_mask() -> None:
    a, b = np.float32([[1, 2, 3, 99]]), np.float32([[3, 2, 1, 99]])
    assert ncc(a, b, np.array([[True, True, True, False]])) == pytest.approx(-1)
    assert ncc(a, b) > 0.9
    assert ncc(a, b, np.zeros((1, 4), bool)) == 0


def test_ncc_does_not_lose_small_texture_on_a_great_mean() -> None:
    texture = np.random.default_rng(0).integers(0, 2, (200, 200)).astype(np.float32)
    assert ncc(texture + 1e5, texture + 1e5) == pytest.approx(1)
    assert ncc(texture + 1e5, 1e5 - texture) == pytest.approx(-1)


@pytest.mark.parametrize(("x", "y"), [(7, 4), (-7, 4), (7, -4), (-7, -4), (0, 11), (-11, 0), (0, 0)])
def test_phase_shift_has_the_sign_of_the_convention(x: int, y: int) -> None:
    # moving(p + s) = fixed(p): the moving content lies further along by s.
    assert phase_shift(blobs(), blobs(x, y)) == (x, y)
    found = warp(blobs(x, y), shift(*phase_shift(blobs(), blobs(x, y))))
    inside = coverage((120, 150), shift(x, y))
    np.testing.assert_allclose(found[inside], blobs()[inside], atol=1e-3)


def test_phase_shift_finds_its_way_through_noise_and_uneven_light() -> None:
    rng = np.random.default_rng(3)
    light = np.linspace(0.7, 1.3, 150)
    fixed = blobs() + rng.normal(0, 0.1, (120, 150))
    moving = blobs(-9, 6) * light + rng.normal(0, 0.1, (120, 150))
    found = phase_shift(fixed.astype(np.float32), moving.astype(np.float32))
    assert np.hypot(found[0] + 9, found[1] - 6) <= 1.5


@pytest.mark.parametrize(("x", "y"), [(9, -6), (-9, 6)])
def test_the_coarse_shift_is_taken_where_it_helps(x: int, y: int) -> None:
    fixed = registration_plane(noisy(tissue_plane(Drift(shift=(x, y)).at(1)), 1))
    moving = registration_plane(noisy(tissue_plane(), 2))
    assert np.abs(np.array(coarse_shift(fixed, moving).translation) - (x, y)).max() <= 1
    assert coarse_shift(moving, moving) == Affine2D.identity()


def test_likeness_before_and_after_tells_the_right_motion_from_its_opposite() -> None:
    drift = Drift(2.0, (6, -5))
    fixed = registration_plane(noisy(tissue_plane(drift.at(1)), 1))
    moving = registration_plane(noisy(tissue_plane(), 2))
    pre, post = ncc_before_and_after(fixed, moving, drift.at(1))
    assert post > 0.99
    assert pre < 0.8
    assert ncc_before_and_after(fixed, moving, drift.inverted.at(1))[1] < pre
    assert ncc_before_and_after(fixed, moving, Affine2D.identity())[0] == pytest.approx(
        ncc_before_and_after(fixed, moving, Affine2D.identity())[1]
    )


def test_a_sliver_in_common_says_nothing() -> None:
    plane = registration_plane(noisy(tissue_plane(), 1))
    assert ncc_before_and_after(plane, plane, shift(150, 0)) == (0.0, 0.0)
    assert shared_tissue(plane, plane, shift(150, 0)).sum() < 0.25 * plane.tissue.sum()
    assert shared_tissue(plane, plane, Affine2D.identity()).sum() == plane.tissue.sum()


def test_displacement_of_a_translation_is_its_length() -> None:
    mask = np.random.default_rng(0).random((40, 50)) > 0.5
    assert displacement_rms(shift(3, -4), mask) == pytest.approx(5)
    assert displacement_rms(Affine2D.identity(), mask) == 0
    assert displacement_rms(shift(3, -4), np.zeros((40, 50), bool)) == 0


@pytest.mark.parametrize("degrees", [-5.0, 1.0, 30.0])
def test_displacement_of_a_rotation_is_its_chord(degrees: float) -> None:
    y, x = np.indices((201, 201)) - 100.0
    disc = np.hypot(x, y) <= 90
    # Chord 2 r sin(angle / 2), and the mean of r squared over a disc is R squared / 2.
    wanted = 2 * 90 / np.sqrt(2) * abs(np.sin(np.deg2rad(degrees) / 2))
    rotation = Affine2D.rigid(degrees, (0, 0), (100, 100))
    assert displacement_rms(rotation, disc) == pytest.approx(wanted, rel=0.01)
