"""Planes that are held out say how far the truth strays between two planes, in any tissue."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from soct_core.registration.working_plane import ReducedPlanes
from soct_core.zmorph.cross_validation import held_out_error


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
    return held_out_error((planes, other), count, span, deformable=False)


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
