"""Depth order: planes that match where only a mishap puts them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from deep_tissue import CENTER, Specimen
from registered_pairs import DEEP, INTERVAL, drifted, registered

from schemas.pairwise import PairwiseMetrics
from soct_core.affine import Affine2D
from soct_core.pairwise.depth_order import clearly_better

MOTION = Affine2D.rigid(0.4, (3.0, -2.0), CENTER)
TISSUE = Specimen()


def cut(top: int, planes: int = DEEP, seed: int = 1, motion: Affine2D | None = None) -> Any:
    return TISSUE.slice_at(range(top, top + planes), motion, seed)


def metrics_of(fixed: Any, moving: Any, **values: Any) -> PairwiseMetrics:
    return registered(fixed, moving, **values)[1]


@pytest.mark.parametrize("planes", [INTERVAL, DEEP])
def test_neighbours_raise_no_doubt(planes: int) -> None:
    found = metrics_of(cut(0, planes, 1, MOTION), cut(INTERVAL, planes, 2))
    assert (found.same_image, found.reversed_order, found.z_wide_index) == (False, False, None)
    assert (found.overall_status, found.reasons) == ("ok", ())
    assert found.registration_confidence > 0.7


@pytest.mark.parametrize("planes", [INTERVAL, DEEP])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_image_twice_is_a_doubt(planes: int, seed: int) -> None:
    good = metrics_of(cut(0, planes, 1, MOTION), cut(INTERVAL, planes, 2))
    found = metrics_of(cut(0, planes, 1), cut(0, planes, seed))
    assert (found.same_image, found.reversed_order) == (True, False)
    assert found.overall_status == "warning"
    assert any("both slices show the same planes" in reason for reason in found.reasons)
    assert found.registration_confidence < 0.7 * good.registration_confidence


@pytest.mark.parametrize("planes", [INTERVAL, DEEP])
def test_the_reverse_order_is_a_doubt(planes: int) -> None:
    ids = metrics_of(cut(INTERVAL, planes, 1, MOTION), cut(0, planes, 2))
    turned = metrics_of(cut(0, planes, 1, MOTION)[::-1], cut(INTERVAL, planes, 2)[::-1])
    for found in (ids, turned):
        assert (found.same_image, found.reversed_order) == (False, True)
        assert found.overall_status != "ok"
        assert any("better in reverse order" in reason for reason in found.reasons)


@pytest.mark.parametrize(("deeper", "wide"), [(3, 10), (-3, 4)])
def test_a_match_at_the_bound_of_its_search_is_a_doubt(deeper: int, wide: int) -> None:
    found = metrics_of(*drifted(MOTION, deeper))
    assert (found.z_index, found.z_wide_index) == (wide, wide)
    assert found.overall_status == "warning"
    assert found.registration_confidence < 0.6
    assert any("z match at the bound of its search" in reason for reason in found.reasons)


def test_beyond_the_search_the_whole_depth_is_looked_at() -> None:
    found = metrics_of(*drifted(MOTION, 4), search_range_um=40.0)
    assert (found.z_index, found.z_wide_index) == (9, 11)
    assert found.z_wide_correlation is not None
    assert found.z_correlation is not None
    assert found.z_wide_correlation > found.z_correlation


def test_a_match_within_its_search_is_none() -> None:
    found = metrics_of(*drifted(MOTION, 2))
    assert (found.z_drift, found.z_wide_index, found.overall_status) == (2, None, "ok")


def test_of_planes_all_alike_none_is_doubted() -> None:
    fixed, moving = drifted(MOTION)
    found = metrics_of(np.repeat(fixed[7:8], DEEP, axis=0), moving)
    assert (found.same_image, found.reversed_order, found.z_wide_index) == (False, False, None)


def test_checks_and_interpolated_slices_are_not_asked() -> None:
    for found in (
        metrics_of(cut(0), cut(0), role="check"),
        metrics_of(cut(0), cut(0), touches=True),
    ):
        assert (found.same_depth_ncc, found.reversed_ncc, found.same_image) == (None, None, False)


@pytest.mark.parametrize(
    ("rival", "expected", "is_better"),
    [(1.0, 0.99, True), (0.97, 0.95, True), (0.975, 0.96, False), (0.6, 0.5, False), (0.71, 0.5, True)],
)
def test_a_rival_must_leave_little_of_the_unlikeness(rival: float, expected: float, is_better: bool) -> None:
    assert clearly_better(rival, expected) == is_better
