"""Pairs that must not be believed: unlike, blank, failed, or beside an interpolated slice."""

from __future__ import annotations

import numpy as np
import pytest
from deep_tissue import CENTER, Specimen, agarose_slice
from registered_pairs import DEEP, drifted, registered, returning

from soct_core.affine import Affine2D, shift_by
from soct_core.errors import RegistrationError
from soct_core.registration.register import Registration


def test_a_pair_that_touches_an_interpolated_slice_is_never_believed() -> None:
    fixed, moving = drifted(shift_by(3, 0))
    assert registered(fixed, moving)[1].registration_confidence > 0.9
    transform, metrics = registered(fixed, moving, touches=True)
    assert transform is not None
    assert not metrics.reliable
    assert metrics.overall_status == "error"
    assert metrics.registration_confidence == 0
    assert metrics.reasons[0] == "touches an interpolated slice"
    # Its numbers stay true.
    assert metrics.translation_x == pytest.approx(3, abs=0.15)
    assert metrics.post_ncc is not None
    assert metrics.post_ncc > 0.98


def test_a_registration_that_fails_leaves_no_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    returning(monkeypatch, RegistrationError("the optimiser fell over"))
    transform, metrics = registered(*drifted(shift_by(3, 0)))
    assert transform is None
    assert metrics.overall_status == "error"
    assert not metrics.reliable
    assert metrics.registration_confidence == 0
    assert metrics.reasons == ("registration failed: the optimiser fell over",)
    assert metrics.translation_x is metrics.translation_y is metrics.rotation_deg is None
    assert metrics.z_drift is None


@pytest.mark.parametrize("blank", ["fixed", "moving", "both"])
def test_a_blank_slice_leaves_no_transform(blank: str) -> None:
    fixed, moving = drifted(shift_by(3, 0))
    if blank != "moving":
        fixed = np.zeros_like(fixed)
    if blank != "fixed":
        moving = np.full_like(moving, 7)
    transform, metrics = registered(fixed, moving)
    assert transform is None
    assert (metrics.overall_status, metrics.registration_confidence) == ("error", 0)
    assert "constant" in metrics.reasons[0]


@pytest.mark.parametrize("side", ["fixed", "moving", "both"])
def test_agarose_alone_is_not_confident(side: str) -> None:
    fixed, moving = drifted(shift_by(3, 0))
    if side != "moving":
        fixed = agarose_slice(DEEP, 1)
    if side != "fixed":
        moving = agarose_slice(4, 2)
    _, metrics = registered(fixed, moving)
    assert metrics.registration_confidence < 0.3
    assert metrics.overall_status == "error"
    assert not metrics.reliable


@pytest.mark.parametrize("seed", range(1, 4))
def test_unrelated_tissue_is_not_confident(seed: int) -> None:
    fixed, _ = drifted(shift_by(3, 0))
    _, metrics = registered(fixed, Specimen(seed).slice_at(range(4), None, 2))
    assert metrics.registration_confidence < 0.3
    assert metrics.overall_status == "error"
    assert not metrics.reliable


def test_half_a_slice_is_not_confident() -> None:
    fixed, moving = drifted(shift_by(3, 0))
    moving[:, :, 68:] = 0
    assert registered(fixed, moving)[1].registration_confidence < 0.3


def test_no_motion_between_unrelated_planes_is_not_confident(monkeypatch: pytest.MonkeyPatch) -> None:
    returning(monkeypatch, Affine2D.identity(CENTER))
    _, metrics = registered(
        Specimen(0).slice_at(range(DEEP), None, 1), Specimen(1).slice_at(range(4), None, 2)
    )
    assert (metrics.translation_magnitude, metrics.rotation_deg, metrics.consistency_px) == (0, 0, 0)
    assert metrics.registration_confidence < 0.3


@pytest.mark.parametrize("wrong", [(10.0, 0.0), (-8.0, 8.0)])
def test_a_wrong_motion_between_good_planes_is_not_confident(
    monkeypatch: pytest.MonkeyPatch, wrong: tuple[float, float]
) -> None:
    fixed, moving = drifted(Affine2D.identity(CENTER))
    returning(monkeypatch, Affine2D.rigid(0, (0, 0), CENTER))
    assert registered(fixed, moving)[1].registration_confidence > 0.9
    returning(monkeypatch, Affine2D.rigid(0, wrong, CENTER))
    _, metrics = registered(fixed, moving)
    assert metrics.consistency_px == pytest.approx(0, abs=1e-6)
    assert metrics.registration_confidence < 0.3


@pytest.mark.parametrize(("px", "most"), [(0.0, 1.0), (2.0, 0.7), (3.0, 0.4), (6.0, 0.05)])
def test_a_way_back_that_is_another_one_is_not_confident(
    monkeypatch: pytest.MonkeyPatch, px: float, most: float
) -> None:
    ways = iter([Affine2D.rigid(0, (3.0, 0.0), CENTER), Affine2D.rigid(0, (-3.0, px), CENTER)])
    monkeypatch.setattr("soct_core.pairwise.register.register", lambda *_: Registration(next(ways), None))
    fixed, moving = drifted(shift_by(3, 0), fixed_planes=6)
    _, metrics = registered(fixed, moving)
    assert metrics.consistency_px == pytest.approx(px, abs=1e-6)
    assert most - 0.3 < metrics.registration_confidence <= most


@pytest.mark.parametrize("axis", [1, 2])
def test_a_mirrored_slice_is_not_confident(axis: int) -> None:
    fixed, moving = drifted(Affine2D.rigid(0.5, (2.0, 1.0), CENTER), fixed_planes=6)
    _, right = registered(fixed, moving)
    _, mirrored = registered(fixed, np.ascontiguousarray(np.flip(moving, axis)))
    assert right.mirror_margin is not None
    assert mirrored.mirror_margin is not None
    assert right.mirror_margin > 0.1 > -0.1 > mirrored.mirror_margin
    assert mirrored.registration_confidence < 0.3
    assert right.registration_confidence > 0.9


def test_tissue_whose_halves_are_alike_is_said_not_to_tell() -> None:
    y, x = np.indices((120, 136), dtype=float)
    away = np.hypot(x - CENTER[0], y - CENTER[1])
    ring = 1500.0 * (np.abs(away - 35) < 8) + 300
    rng = np.random.default_rng(0)
    fixed, moving = (np.stack([ring] * 6) + rng.normal(0, 20, (6, *ring.shape)) for _ in range(2))
    _, metrics = registered(fixed, moving)
    assert any("nothing tells the two apart" in reason for reason in metrics.reasons)
