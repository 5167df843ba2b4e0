"""What zmorph refuses, and leaves in place rather than blur: every reason can be reached."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from drifting_tissue import CENTER, SIZE, Drift, agarose_plane, drifting_gap
from morphed_gaps import DRIFT, QUICK, STILL, Array, agarose, drifting, psnr, returning, settings, unrelated

from soct_core.affine import Affine2D
from soct_core.errors import RegistrationError
from soct_core.zmorph import interpolate_z_morph


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_spoiled_boundary_plane_is_never_morphed_though_another_pair_is_good(side: str) -> None:
    gap = drifting_gap(DRIFT)
    before, after = gap.before.copy(), gap.after.copy()
    if side == "before":
        before[-1] = agarose_plane(1)
    else:
        after[0] = after[0, ::-1]
    volume, diagnostics = interpolate_z_morph(before, after, QUICK, 3)
    assert volume is None
    assert diagnostics.fallback_reason in ("no_foreground_planes", "low_post_ncc")
    assert "boundary plane" in diagnostics.detail


def test_an_aligned_pair_passes_though_its_likeness_cannot_rise() -> None:
    gap = drifting_gap(STILL)
    volume, diagnostics = interpolate_z_morph(gap.before, gap.after, settings(min_ncc_improvement=1.0), 5)
    assert volume is not None
    assert diagnostics.gate == "already_aligned"
    assert diagnostics.displacement_rms_px is not None
    assert diagnostics.displacement_rms_px < 0.5
    assert psnr(volume, np.broadcast_to(gap.truth[0], volume.shape)) > 35


def test_a_small_motion_must_earn_its_blur(monkeypatch: pytest.MonkeyPatch) -> None:
    gap = drifting_gap(STILL)
    returning(monkeypatch, Affine2D.rigid(0, (0.4, 0.0), CENTER))
    volume, diagnostics = interpolate_z_morph(gap.before, gap.after, output_z=3)
    assert volume is not None
    assert (diagnostics.gate, diagnostics.affine_translation) == ("already_aligned", (0, 0))
    assert "left in place: registration found 0.40 px" in diagnostics.detail
    # Where it does gain enough, a small motion is made like any other.
    small = Affine2D.rigid(0, (1.9, 0.0), CENTER)
    moved = drifting_gap(Drift(0, (1.9, 0.0)))
    returning(monkeypatch, small)
    _, diagnostics = interpolate_z_morph(moved.before, moved.after, settings(min_ncc_improvement=0.01), 3)
    assert (diagnostics.gate, diagnostics.detail) == ("already_aligned", "")
    assert diagnostics.affine_translation == (1.9, 0.0)


def test_a_motion_that_makes_it_worse_gives_way_to_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    gap = drifting_gap(STILL)
    returning(monkeypatch, Affine2D.rigid(4, (7, -3), CENTER))
    volume, diagnostics = interpolate_z_morph(gap.before, gap.after, output_z=3)
    assert volume is not None
    assert diagnostics.gate == "already_aligned"
    assert diagnostics.affine_matrix == ((1, 0), (0, 1))
    assert diagnostics.affine_translation == (0, 0)
    assert diagnostics.pre_reg_ncc == diagnostics.post_reg_ncc
    assert psnr(volume, gap.truth[:3]) > 35


@pytest.mark.parametrize(
    ("volumes", "changes", "motion", "reason"),
    [
        pytest.param(lambda: (agarose(), agarose()), {}, None, "no_foreground_planes", id="agarose"),
        pytest.param(
            lambda: (agarose(), drifting()[1]), {}, None, "no_foreground_planes", id="agarose above"
        ),
        pytest.param(
            lambda: (drifting()[0], agarose()), {}, None, "no_foreground_planes", id="agarose below"
        ),
        pytest.param(drifting, {"min_foreground_fraction": 0.9}, None, "no_foreground_planes", id="small"),
        pytest.param(unrelated, {}, None, "implausible_affine", id="unrelated"),
        pytest.param(drifting, {"min_overlap_correlation": 0.999}, None, "low_overlap_ncc", id="strict"),
        pytest.param(drifting, {"max_rotation_deg": 0.5}, None, "implausible_affine", id="turned"),
        pytest.param(drifting, {"max_shift_fraction": 0.005}, None, "implausible_affine", id="shifted"),
        pytest.param(
            drifting,
            {"min_ncc_improvement": 1.0, "min_overlap_correlation": 0.8},
            None,
            "reg_did_not_improve",
            id="no gain",
        ),
        pytest.param(drifting, {}, RegistrationError("lost"), "registration_exception", id="raised"),
        pytest.param(
            drifting, {}, Affine2D.of([[1, float("nan")], [0, 1]], (0, 0)), "registration_exception", id="nan"
        ),
        pytest.param(
            drifting, {}, Affine2D.of([[1, 0], [0, 1]], (float("inf"), 0)), "registration_exception", id="inf"
        ),
        pytest.param(
            drifting,
            {},
            Affine2D.of([[-1, 0], [0, 1]], (0, 0), CENTER),
            "affine_determinant_non_positive",
            id="mirror",
        ),
        pytest.param(
            drifting,
            {},
            Affine2D.of([[1, 1], [1, 1]], (0, 0), CENTER),
            "affine_determinant_non_positive",
            id="flat",
        ),
    ],
)
def test_every_reason_can_be_reached_and_leaves_no_volume(
    monkeypatch: pytest.MonkeyPatch, volumes: Any, changes: dict[str, float], motion: Any, reason: str
) -> None:
    if motion is not None:
        returning(monkeypatch, motion)
    volume, diagnostics = interpolate_z_morph(*volumes(), settings(max_iterations=200, **changes), 2)
    assert volume is None
    assert diagnostics.fallback_reason == reason
    assert diagnostics.interpolation_failed
    assert diagnostics.method_used is None
    assert diagnostics.nz_out is None
    assert diagnostics.detail
    dumped = json.loads(diagnostics.model_dump_json(), parse_constant=pytest.fail)
    assert dumped["fallback_reason"] == reason


def by_half(volume: Array, axis: int) -> Array:
    """The volume, shifted in a circle by half of its plane."""
    return np.roll(volume, SIZE // 2, axis)


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("decoy", [np.flip, by_half], ids=["mirror", "half"])
def test_decoys_are_refused(decoy: Any, axis: int) -> None:
    # The tissue of seed 0 happens to be half like its own mirror image.
    gap = drifting_gap(DRIFT, seed=3)
    volume, diagnostics = interpolate_z_morph(gap.before, decoy(gap.after, axis), QUICK, 2)
    assert volume is None
    assert diagnostics.interpolation_failed


def test_the_likeness_threshold_parts_passes_from_refusals_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gap = drifting_gap(DRIFT)
    returning(monkeypatch, gap.motion)
    passed = {}
    for threshold in (-1.0, 0.0, 0.3, 0.6, 0.8, 0.95, 0.999):
        strict = settings(min_overlap_correlation=threshold, overlap_search_window=1)
        volume, diagnostics = interpolate_z_morph(gap.before, gap.after, strict, 2)
        assert diagnostics.overlap_ncc is not None
        assert (volume is not None) == (diagnostics.overlap_ncc >= threshold)
        passed[threshold] = volume is not None
    assert list(passed.values()) == sorted(passed.values(), reverse=True)
    assert set(passed.values()) == {True, False}


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ({"min_overlap_correlation": 0.999}, "low_overlap_ncc"),
        ({"min_neighbour_odds": 50.0}, "low_post_ncc"),
    ],
)
def test_a_gap_that_a_person_accepted_is_filled_and_says_so(limit: dict[str, float], reason: str) -> None:
    gap = drifting_gap(DRIFT)
    wanted = QUICK.model_copy(update={**limit, "accepted_by_hand": True})
    volume, accepted = interpolate_z_morph(gap.before, gap.after, wanted, 4)
    assert volume is not None
    assert (volume[0] == gap.before[-1]).all()
    assert (accepted.gate, accepted.fallback_reason) == ("accepted_by_hand", None)
    assert accepted.detail.startswith(f"accepted by hand although {reason}: ")
    assert any(not check.passed for check in accepted.gates)


def test_what_has_no_motion_cannot_be_accepted_and_what_passes_need_not_be() -> None:
    gap = drifting_gap(DRIFT)
    wanted = QUICK.model_copy(update={"accepted_by_hand": True})
    volume, found = interpolate_z_morph(agarose(), gap.after, wanted, 4)
    assert volume is None
    assert found.fallback_reason == "no_foreground_planes"
    _, found = interpolate_z_morph(gap.before, gap.after, wanted, 4)
    assert found.gate == "improved"
