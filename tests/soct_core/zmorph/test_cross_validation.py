"""Planes that are held out say how far the truth strays between two planes, in any tissue."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.registration.working_plane import ReducedPlanes
from soct_core.zmorph.cross_validation import held_out
from soct_core.zmorph.near_planes import near_side
from soct_core.zmorph.refinement import refinement


def textures(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Smooth textures that have nothing in common, on bright tissue."""
    rng = np.random.default_rng(seed)
    return np.stack([400 * cv2.GaussianBlur(rng.normal(0, 1, (90, 100)), (0, 0), 1.2) for _ in range(count)])


def side(changes: NDArray[Any], noise: float = 0.0) -> ReducedPlanes:
    """Round tissue, its planes as given, on a dark ground."""
    rng = np.random.default_rng(9)
    y, x = np.indices((90, 100))
    tissue = np.hypot(y - 45, x - 50) < 40
    planes = np.where(tissue, 1000 + changes, 50) + noise * rng.normal(0, 1, changes.shape)
    return ReducedPlanes(planes.astype(np.float32), 1)


def path(planes: int = 9, seed: int = 0) -> NDArray[Any]:
    """A Brownian path in every pixel."""
    return np.cumsum(textures(planes, seed), axis=0) / 3


def error(planes: ReducedPlanes, other: ReducedPlanes, count: int = 1, span: float = 8) -> float | None:
    found = held_out((planes, other), count, span, deformable=False)
    return None if found is None else found[0].error


def test_a_path_strays_by_half_and_what_has_nothing_in_common_by_nearly_all() -> None:
    brownian = error(side(path()), side(path(seed=1)))
    apart = error(*(side(textures(10, seed)[1:] + textures(10, seed)[:-1]) for seed in (0, 1)))
    still = error(side(np.zeros((9, 90, 100)) + np.arange(9)[:, None, None] * 20), side(path()[:2]))
    assert brownian is not None
    # More than of a normal distribution, 0.82: the local difference is an estimate, too.
    assert 0.8 < brownian < 1.1
    assert apart == pytest.approx(np.sqrt(3) * brownian, rel=0.15)
    # What changes steadily is where a path between its ends has it; the other side is too thin to ask.
    assert still is not None
    assert still < 0.05


def test_intensities_may_have_any_unit() -> None:
    planes = side(path()), side(path(seed=1))
    scaled = tuple(ReducedPlanes(one.values * np.float32(0.01), 1) for one in planes)
    assert error(*scaled) == pytest.approx(error(*planes), rel=1e-3)


def test_nothing_is_said_where_noise_hides_it_or_planes_are_too_few() -> None:
    noisy = side(path() / 20, noise=150.0)
    assert error(noisy, noisy) is None
    assert error(side(path()[:2]), side(path()[:2])) is None
    assert error(side(path(), noise=3.0), side(path(seed=1), noise=3.0)) is not None


def test_light_that_is_lost_with_depth_says_nothing_of_the_tissue() -> None:
    planes = side(path()), side(path(seed=1))
    light = np.exp(-0.1 * np.arange(9, dtype=np.float32))[:, None, None]
    lit = tuple(ReducedPlanes(one.values * light, 1) for one in planes)
    evened, as_imaged = (held_out(lit, 1, 8, deformable=False, darkens=darkens) for darkens in (True, False))
    assert evened is not None
    assert as_imaged is not None
    assert evened[0].error == pytest.approx(error(*planes), rel=0.05)
    assert as_imaged[0].error < 0.8 * evened[0].error
    # Nor does it make noise look like tissue.
    noisy = [ReducedPlanes(side(path(seed=i) / 20, noise=150.0).values * light, 1) for i in (0, 1)]
    assert held_out((noisy[0], noisy[1]), 1, 8, deformable=False, darkens=True) is None


def discs(moves: bool) -> NDArray[np.float32]:
    """A disc here, half-way and there; or one that fades out here and in there. Both ends are alike."""
    y, x = np.indices((120, 120))

    def disc(off: float) -> NDArray[np.float32]:
        disc = (np.hypot(y - 60, x - 60 - off) < 20).astype(np.float32)
        return 300 + 500 * cv2.GaussianBlur(disc, (0, 0), 2.0) + 40 * np.cos(x / 3) * np.cos(y / 3)

    ends = disc(-3), disc(3)
    middle = disc(0) if moves else (ends[0] + ends[1]) / 2
    return np.stack([ends[0], middle, ends[1], middle, ends[0], middle, ends[1]])


@pytest.mark.parametrize("moves", [True, False])
def test_a_displacement_is_believed_where_it_predicts_planes_that_were_imaged(moves: bool) -> None:
    before, after = discs(moves), discs(moves)
    near = near_side(before, 6, 0, above=True), near_side(after, 6, 0, above=False)
    still = Affine2D.identity((59.5, 59.5))
    settings = InterpolationSettings(source_slab=0.0)
    # Both slices end where the other begins, but for the disc: one gap of a single plane.
    found = refinement((before, after), near, still, settings, (1, 1))
    assert (found.displacement is not None) is moves
    held = held_out((near[0].planes, near[1].planes), 1, 2.0, deformable=True)
    assert held is not None
    plain, displaced = held
    assert (displaced.square < plain.square) is moves
    assert found.held_out_error == (displaced if moves else plain).error


def test_a_step_of_brightness_is_measured_on_tissue() -> None:
    planes = discs(moves=True)
    settings = InterpolationSettings(source_slab=0.0, deformation="affine", uncertainty=False)
    for factor in (1.0, 3.0):
        volumes = planes, factor * planes
        near = near_side(volumes[0], 6, 0, above=True), near_side(volumes[1], 6, 0, above=False)
        found = refinement(volumes, near, Affine2D.identity((59.5, 59.5)), settings, (1, 1))
        assert found.brightness.step == pytest.approx(factor, rel=0.05)


def test_what_was_not_measured_predicts_nothing() -> None:
    # A hole in the planes nearest the gap: neither their error nor their brightness is that of the hole.
    whole, lost = discs(moves=True), discs(moves=True)
    lost[:2, 50:70, 50:70] = np.nan
    settings = InterpolationSettings(source_slab=0.0)
    found = []
    for after in (whole, lost):
        near = near_side(whole, 6, 0, above=True), near_side(after, 6, 0, above=False)
        held = held_out((near[0].planes, near[1].planes), 1, 2.0, deformable=True)
        assert held is not None
        step = refinement((whole, after), near, Affine2D.identity((59.5, 59.5)), settings, (2, 1))
        found.append((held[0].square, held[1].square, step.brightness.step))
    of_whole, of_lost = found
    assert of_lost[:2] == pytest.approx(of_whole[:2], rel=0.5)
    assert of_lost[1] < of_lost[0]
    assert of_lost[2] == pytest.approx(1.0, rel=0.1)


def test_a_plane_that_was_not_measured_is_not_black() -> None:
    planes = discs(moves=True)
    after = planes.copy()
    after[0] = np.nan
    near = near_side(planes, 6, 0, above=True), near_side(after, 6, 0, above=False)
    settings = InterpolationSettings(source_slab=0.0, deformation="affine", uncertainty=False)
    found = refinement((planes, after), near, Affine2D.identity((59.5, 59.5)), settings, (3, 1))
    assert found.brightness.step == pytest.approx(1.0, rel=0.1)
