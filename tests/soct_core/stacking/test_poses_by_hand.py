"""What a user says of poses is done: pairs set by hand, and slices left where the stage put them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pair_records import MOTION, metrics_of, transform_of
from pose_chains import CENTER, POINTS, RADIUS, pair, pairs_of, random_chain, rigid, solved, worst_error

from schemas.settings import StackSettings
from soct_core.affine import Affine2D
from soct_core.pairwise.files import PairRecord
from soct_core.stacking.pair_motions import pair_digest, pair_motions, z_drifts
from soct_core.stacking.poses import PairMotion, solve_poses

IDS = range(8)


def by_hand(motion: Affine2D, fixed: int = 3, moving: int = 4, **values: Any) -> PairMotion:
    """A pair as a user sets it."""
    return replace(PairMotion(fixed, moving, motion, 1.0, RADIUS, by_hand=True), **values)


def step(poses: Any, fixed: int = 3, moving: int = 4) -> Affine2D:
    """The motion between two slices as their poses have it."""
    return poses[moving].pose.compose(poses[fixed].pose.inverse())


def with_pair(pairs: list[PairMotion], new: PairMotion) -> list[PairMotion]:
    return [p for p in pairs if (p.fixed_id, p.moving_id) != (new.fixed_id, new.moving_id)] + [new]


@pytest.mark.parametrize("seed", range(3))
def test_a_pair_set_right_by_hand_mends_the_volume_whatever_its_checks_say(seed: int) -> None:
    true = random_chain(IDS, seed, turn=2.0, shift=8.0)
    slipped = rigid(-3.0, 15.0, -9.0)
    pairs = pairs_of(true, checks=True)
    # Whatever crosses the cut between 3 and 4 was registered wrong, and agrees with itself.
    wrong = [
        replace(p, motion=p.motion.compose(slipped)) if p.fixed_id <= 3 < p.moving_id else p for p in pairs
    ]
    assert worst_error(solved(IDS, wrong)[0], true) > 3
    right = by_hand(pair(true, 3, 4).motion)
    poses, verdicts = solved(IDS, with_pair(wrong, right))
    assert worst_error(poses, true) < 0.01
    assert verdicts[3, 4].weight == 1
    assert not verdicts[2, 4].agrees
    assert not verdicts[3, 5].agrees
    assert [poses[i].source for i in IDS] == ["pairwise"] * 4 + ["manual"] + ["pairwise"] * 3


def test_a_pair_set_wrong_by_hand_is_obeyed_too() -> None:
    true = random_chain(IDS, 5, turn=2.0, shift=8.0)
    wanted = rigid(4.0, -20.0, 12.0)
    poses, verdicts = solved(IDS, with_pair(pairs_of(true, checks=True), by_hand(wanted)))
    np.testing.assert_allclose(step(poses).apply(POINTS), wanted.apply(POINTS), atol=0.01)
    assert verdicts[3, 4].agrees
    assert not verdicts[2, 4].agrees


def test_a_check_set_by_hand_has_the_weight_of_a_neighbour() -> None:
    wanted = rigid(0.5, 3.0, 1.0)
    pairs = [by_hand(wanted, 0, 2, role="check"), PairMotion(0, 1, rigid(0), 0.9, RADIUS)]
    _, verdicts = solved(range(3), pairs)
    assert verdicts[0, 2].weight == 1


def test_half_a_pixel_by_hand_is_not_called_aligned() -> None:
    still = [PairMotion(i, i + 1, rigid(0), 0.9, RADIUS) for i in range(3)]
    for by, moves in ((0.3, True), (0.0, False)):
        pairs = with_pair(still, by_hand(rigid(0, by), 1, 2))
        poses, _ = solve_poses(range(4), pairs, CENTER, StackSettings())
        assert step(poses, 1, 2).translation[0] == pytest.approx(by, abs=1e-3)
        assert any(p.pose != Affine2D.identity(CENTER) for p in poses.values()) == moves


def test_nothing_is_taken_off_what_is_set_by_hand() -> None:
    drifting = {"anatomy_rate_x": 1.0, "anatomy_rate_y": 0.0, "anatomy_rate_deg": 0.0, "z_drift": 2.0}
    found = metrics_of(**drifting)
    own = PairRecord(found, transform_of(MOTION))
    (registered,) = pair_motions([own])
    assert registered.motion != MOTION
    judged = {"registration_confidence": 0.25, "reliable": True, "overall_status": "warning"}
    hand = PairRecord(
        metrics_of(**drifting, source="manual", registered=judged, registration_confidence=1.0),
        transform_of(MOTION),
    )
    (taken,) = pair_motions([hand])
    np.testing.assert_allclose(taken.motion.apply(POINTS), MOTION.apply(POINTS), atol=1e-12)
    assert (taken.by_hand, taken.weight) == (True, 1.0)
    # Of depth the hand said nothing.
    assert [d.weight for d in z_drifts([hand], 10.0)] == [0.25]
    assert pair_digest(own) != pair_digest(hand)


PRIOR = {i: (0.3 * (-1) ** i, 0.1 * i) for i in IDS}


@pytest.mark.parametrize("frozen", [False, True])
def test_all_slices_stay_where_the_stage_put_them(frozen: bool) -> None:
    true = random_chain(IDS, 2, turn=2.0, shift=8.0)
    poses, verdicts = solved(IDS, pairs_of(true, checks=True), PRIOR, pose_from="stage")
    if frozen:
        chosen = StackSettings(pose_from="stage")
        old = {i: poses[i] for i in range(5)}
        poses, verdicts = solve_poses(IDS, pairs_of(true, checks=True), CENTER, chosen, PRIOR, old)
    for i, found in poses.items():
        np.testing.assert_allclose(found.pose.translation, PRIOR[i], atol=1e-12)
        assert found.pose.rotation_deg == 0
        assert (found.source, found.confidence) == ("stage", 0.0)
    assert {v.weight for v in verdicts.values()} == {0.0}


def test_a_slice_left_to_the_stage_moves_no_other() -> None:
    """Its own pairs are wrong: its neighbours hold each other by the check across it."""
    true = random_chain(IDS, 3, turn=2.0, shift=8.0)
    slipped = rigid(-3.0, 25.0, -9.0)
    pairs = [
        replace(p, motion=p.motion.compose(slipped)) if 4 in (p.fixed_id, p.moving_id) else p
        for p in pairs_of(true, checks=True)
    ]
    poses, _ = solved(IDS, pairs, PRIOR, pose_from={4: "stage"}, prior_weight=1e-6)
    np.testing.assert_allclose(poses[4].pose.translation, PRIOR[4], atol=1e-12)
    assert poses[4].pose.rotation_deg == 0
    assert poses[4].source == "stage"
    rest = {i: found for i, found in poses.items() if i != 4}
    assert worst_error(rest, {i: pose for i, pose in true.items() if i != 4}) < 0.1
    assert {found.source for found in rest.values()} == {"pairwise"}


@pytest.mark.parametrize("turn", [0.0, 3.0])
def test_rotation_alone_leaves_shifts_to_the_stage(turn: float) -> None:
    true = random_chain(IDS, 4, turn=turn, shift=8.0)
    poses, _ = solved(IDS, pairs_of(true, checks=True), PRIOR, pose_from="rotation")
    mean = np.mean([true[i].rotation_deg - poses[i].pose.rotation_deg for i in IDS])
    for i, found in poses.items():
        np.testing.assert_allclose(found.pose.about(CENTER).translation, PRIOR[i], atol=1e-9)
        assert found.pose.rotation_deg + mean == pytest.approx(true[i].rotation_deg, abs=1e-6)
        assert found.source == "rotation"


def test_translation_alone_turns_no_slice() -> None:
    true = random_chain(IDS, 6, turn=0.0, shift=8.0)
    # The cut turned as well: about the middle of the plane, which leaves shifts as they were.
    turned = [
        replace(p, motion=rigid(1.5, *p.motion.about(CENTER).translation))
        for p in pairs_of(true, checks=False)
    ]
    poses, _ = solved(IDS, turned, pose_from="translation")
    assert worst_error(poses, true) < 1e-3
    assert {found.pose.rotation_deg for found in poses.values()} == {0.0}
    assert {found.source for found in poses.values()} == {"translation"}


def test_one_slice_by_translation_alone_does_not_bend_the_others() -> None:
    true = random_chain(IDS, 7, turn=2.0, shift=8.0)
    poses, verdicts = solved(
        IDS, pairs_of(true, checks=True), pose_from={4: "translation"}, prior_weight=1e-9
    )
    assert poses[4].pose.rotation_deg == 0
    rest = {i: found.pose.rotation_deg - true[i].rotation_deg for i, found in poses.items() if i != 4}
    assert np.ptp(list(rest.values())) < 0.01
    assert all(verdict.agrees for verdict in verdicts.values())


def test_the_default_is_registration_to_the_last_bit() -> None:
    true = random_chain(IDS, 8)
    pairs = pairs_of(true, checks=True)
    plain, by_slice = (
        solved(IDS, pairs, PRIOR, pose_from=p)[0] for p in ("registration", {3: "registration"})
    )
    assert plain == by_slice
