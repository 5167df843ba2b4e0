"""The gates: which motions are plausible, and how much likeness a motion must gain."""

from __future__ import annotations

import numpy as np
import pytest
from drifting_tissue import CENTER, noisy, tissue_plane
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from morphed_gaps import DRIFT, settings

from soct_core.affine import Affine2D
from soct_core.registration.working_plane import registration_plane
from soct_core.zmorph.gates import judge, wanted_gain


def test_an_aligned_pair_must_be_as_alike_as_any_other() -> None:
    planes = [registration_plane(noisy(tissue_plane(seed=seed), seed)) for seed in (0, 1)]
    still = Affine2D.identity(CENTER)
    lax = {"min_post_correlation": -1, "max_mirror_margin": 9.0, "min_neighbour_odds": -50.0}
    likeness = judge(still, *planes, settings(**lax)).post_ncc
    assert likeness is not None
    assert likeness < 0.5
    just_below = judge(still, *planes, settings(min_overlap_correlation=likeness - 0.01, **lax))
    just_above = judge(still, *planes, settings(min_overlap_correlation=likeness + 0.01, **lax))
    assert (just_below.gate, just_below.reason) == ("already_aligned", None)
    assert (just_above.gate, just_above.reason) == ("already_aligned", "reg_did_not_improve")


LIMITS = [
    ("rotation", Affine2D.rigid(9.5, (0, 0), CENTER), Affine2D.rigid(10.5, (0, 0), CENTER)),
    ("rotation", Affine2D.rigid(-9.5, (0, 0), CENTER), Affine2D.rigid(-10.5, (0, 0), CENTER)),
    (
        "scale",
        Affine2D.of([[1.14, 0], [0, 1]], (0, 0), CENTER),
        Affine2D.of([[1.16, 0], [0, 1]], (0, 0), CENTER),
    ),
    (
        "scale",
        Affine2D.of([[1, 0], [0, 0.88]], (0, 0), CENTER),
        Affine2D.of([[1, 0], [0, 0.86]], (0, 0), CENTER),
    ),
    (
        "shear",
        Affine2D.of([[1, 0.11], [0, 1]], (0, 0), CENTER),
        Affine2D.of([[1, 0.13], [0, 1]], (0, 0), CENTER),
    ),
    ("shift", Affine2D.rigid(0, (0, -37), CENTER), Affine2D.rigid(0, (0, -40), CENTER)),
]


@pytest.mark.parametrize(("name", "within", "beyond"), LIMITS)
def test_motions_beyond_what_a_cut_can_do_are_named(name: str, within: Affine2D, beyond: Affine2D) -> None:
    plane = registration_plane(noisy(tissue_plane(), 1))
    # So much evidence has no pair: the identity fails too, and the refusal is that of the motion.
    strict = settings(min_neighbour_odds=50.0)
    verdict = judge(beyond, plane, plane, strict)
    assert verdict.reason == "implausible_affine"
    assert name in verdict.detail
    assert judge(within, plane, plane, strict).reason != "implausible_affine"
    left = judge(beyond, plane, plane, settings())
    assert (left.reason, left.motion) == (None, Affine2D.identity(CENTER))
    assert left.detail.startswith("left in place: registration found no plausible motion")


PAIR = [registration_plane(noisy(tissue_plane(DRIFT.at(s)), int(s) + 1)) for s in (1.0, 0.0)]
thresholds = st.floats(0, 1)


@given(st.floats(0, 1.4), thresholds, thresholds)
@examples(max_examples=30, deadline=None)
def test_a_lower_improvement_never_turns_a_pass_into_a_refusal(share: float, a: float, b: float) -> None:
    low, high = sorted((a, b))
    strict, lax = (judge(DRIFT.at(share), *PAIR, settings(min_ncc_improvement=t)) for t in (high, low))
    assert strict.reason is not None or lax.reason is None
    if strict.motion == lax.motion:
        assert (strict.pre_ncc, strict.post_ncc) == (lax.pre_ncc, lax.post_ncc)


@given(st.floats(0, 1.4), thresholds)
@examples(max_examples=30, deadline=None)
def test_a_motion_passes_exactly_when_it_gains_enough(share: float, threshold: float) -> None:
    lax = {"max_mirror_margin": 9.0, "min_neighbour_odds": -50.0}
    verdict = judge(DRIFT.at(share), *PAIR, settings(min_ncc_improvement=threshold, **lax))
    assert verdict.pre_ncc is not None
    assert verdict.post_ncc is not None
    gain = verdict.post_ncc - verdict.pre_ncc
    if verdict.gate == "improved":
        assert (verdict.reason is None) == (gain >= wanted_gain(verdict.pre_ncc, threshold))
        assert verdict.displacement_px is not None
        assert verdict.displacement_px > 1.0
    else:
        assert (verdict.reason is None) == (gain >= 0 and verdict.post_ncc >= 0.3)


@pytest.mark.parametrize(("pre", "wanted"), [(-0.4, 0.05), (0.5, 0.05), (0.75, 0.025), (1.0, 0.0)])
def test_less_gain_is_wanted_where_less_is_left_to_gain(pre: float, wanted: float) -> None:
    assert wanted_gain(pre, 0.05) == pytest.approx(wanted)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_a_side_whose_mirror_image_fits_better_fails_its_gate(axes: tuple[int, ...]) -> None:
    plane = registration_plane(noisy(tissue_plane(), 1))
    mirrored = registration_plane(noisy(tissue_plane(), 2)).mirrored(axes)
    verdict = judge(Affine2D.identity(CENTER), plane, mirrored, settings())
    failed = {check.gate for check in verdict.checks if not check.passed}
    assert {"mirror", "neighbours"} <= failed
    named = judge(Affine2D.identity(CENTER), plane, mirrored, settings(min_overlap_correlation=-1.0))
    assert named.reason == "mirrored_neighbour"


def test_where_a_mirror_image_fits_as_well_the_diagnostics_say_so() -> None:
    y, x = np.indices((200, 200)) - 99.5
    disk = registration_plane(1000.0 * (np.hypot(x, y) < 60) + 10)
    verdict = judge(Affine2D.identity((99.5, 99.5)), disk, disk, settings())
    assert verdict.reason is None
    assert verdict.detail.endswith("nothing tells the two apart")


def test_planes_further_off_that_are_as_alike_speak_against_a_pair() -> None:
    odds = []
    for seed in (0, 1):
        distant = registration_plane(noisy(tissue_plane(DRIFT.at(1.0), seed=seed), 9))
        verdict = judge(DRIFT.at(1.0), *PAIR, settings(), (distant, None))
        odds += [check.value for check in verdict.checks if check.gate == "neighbours"]
    as_alike, unlike = odds
    assert as_alike is not None
    assert unlike is not None
    assert unlike > as_alike + 1


@pytest.mark.parametrize(("degrees", "plausible"), [(9.5, True), (10.5, False)])
def test_a_turn_is_held_against_its_limit_in_um(degrees: float, plausible: bool) -> None:
    # Pixels twice as long along y: in pixels this turn looks like a shear of a fourth.
    aspect = (1.0, 2.0)
    plane = registration_plane(noisy(tissue_plane(), 1)[::2], aspect=aspect)
    turn = Affine2D.rigid(degrees, (0, 0), CENTER).scaled(1.0, 0.5)
    verdict = judge(turn, plane, plane, settings(min_neighbour_odds=50.0))
    assert (verdict.reason != "implausible_affine") == plausible
