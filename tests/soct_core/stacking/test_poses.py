"""Poses of all slices at once: exact chains come back, and the stage stands where no pair speaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from numpy.typing import NDArray
from pose_chains import CENTER, POINTS, RADIUS, pair, pairs_of, random_chain, rigid, solved, worst_error

from schemas.settings import StackSettings
from soct_core.affine import Affine2D
from soct_core.stacking.poses import PairMotion, between, solve_poses


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("checks", [False, True])
@pytest.mark.parametrize("ids", [(0, 1), (3, 4, 5, 6), (0, 1, 3, 4, 7, 8, 9, 12)])
def test_an_exact_chain_comes_back_whole(ids: tuple[int, ...], checks: bool, seed: int) -> None:
    true = random_chain(ids, seed)
    poses, verdicts = solved(ids, pairs_of(true, checks=checks))
    assert list(poses) == list(ids)
    # What is left comes from the weight that holds the volume as a whole in place.
    assert worst_error(poses, true) < 3e-5
    assert {p.source for p in poses.values()} == {"pairwise"}
    for pose in poses.values():
        assert pose.pose.center == CENTER
        assert pose.confidence == pytest.approx(0.9)
        assert pose.pose.determinant == pytest.approx(1)
    assert all(v.agrees and v.disagreement_px < 1 for v in verdicts.values())


def test_the_default_prior_bends_a_long_chain_by_less_than_a_hundredth_of_a_pixel() -> None:
    true = random_chain(range(30), 5, 10.0, 20.0)
    poses, _ = solve_poses(list(true), pairs_of(true, checks=True), CENTER, StackSettings())
    assert worst_error(poses, true) < 0.01


def test_turns_and_shifts_compose_in_their_order() -> None:
    # Turn then shift three times over: by adding them up, slice 3 would be 10 px off.
    step = rigid(10.0, 20.0, 0.0)
    true = {0: rigid(0)}
    for i in range(1, 4):
        true[i] = step.compose(true[i - 1])
    poses, _ = solved(range(4), pairs_of(true, checks=False))
    across = poses[3].pose.compose(poses[0].pose.inverse())
    assert across.rotation_deg == pytest.approx(30, abs=1e-4)
    # x: 20 (1 + cos 10 + cos 20), y: 20 (sin 10 + sin 20).
    np.testing.assert_allclose(across.apply(CENTER) - CENTER, [58.489, 10.313], atol=1e-3)


def test_the_direction_is_from_the_volume_to_the_slice() -> None:
    # What fixed shows at x, moving shows at T(x): moving's pose is T times fixed's.
    poses, _ = solved([4, 5], [PairMotion(4, 5, rigid(0, 6.0, -2.0), 1.0, RADIUS)])
    np.testing.assert_allclose(poses[5].pose.translation, (3, -1), atol=1e-5)
    np.testing.assert_allclose(poses[4].pose.translation, (-3, 1), atol=1e-5)


@pytest.mark.parametrize("stage", [{}, {1: (0.4, -0.2), 2: (0.1, 0.3), 3: (-0.3, 0.2)}])
def test_a_slice_without_a_pair_sits_between_its_neighbours(stage: dict[int, tuple[float, float]]) -> None:
    true = {0: rigid(0), 1: rigid(0, 8.0, -6.0), 3: rigid(0, -12.0, 10.0), 4: rigid(0, -3.0, 1.0)}
    pairs = [pair(true, 0, 1), pair(true, 1, 3, role="bridge"), pair(true, 3, 4)]
    unheard = PairMotion(1, 2, rigid(20, 90, 90), 0.0, RADIUS)
    poses, _ = solved(range(5), [*pairs, unheard], stage, prior_weight=1e-4)
    assert poses[2].source == "prior"
    assert poses[2].confidence == 0
    beside = np.array([poses[i].pose.translation for i in (1, 3)])
    rests = np.array([stage.get(i, (0.0, 0.0)) for i in (1, 2, 3)])
    middle = beside.mean(axis=0) + rests[1] - (rests[0] + rests[2]) / 2
    np.testing.assert_allclose(poses[2].pose.translation, middle, atol=0.01)
    assert {poses[i].source for i in (0, 1, 3, 4)} == {"pairwise"}


def test_a_slice_without_a_pair_is_turned_half_way_between_its_neighbours() -> None:
    true = {0: rigid(0), 1: rigid(6.0), 3: rigid(-2.0, 4.0, 4.0), 4: rigid(1.0)}
    pairs = [pair(true, 0, 1), pair(true, 1, 3, role="bridge"), pair(true, 3, 4)]
    poses, _ = solved(range(5), pairs, prior_weight=1e-4)
    angles = [poses[i].pose.rotation_deg for i in range(5)]
    assert angles[1] - angles[3] == pytest.approx(8, abs=0.01)
    assert angles[2] == pytest.approx((angles[1] + angles[3]) / 2, abs=0.01)


def test_a_slice_held_by_a_bridge_alone_says_so() -> None:
    true = random_chain(range(5), 2)
    pairs = [pair(true, 0, 1), pair(true, 1, 3, weight=0.6, role="bridge"), pair(true, 3, 4, weight=0.0)]
    poses, _ = solved([0, 1, 3, 4], pairs)
    assert {i: p.source for i, p in poses.items()} == {
        0: "pairwise",
        1: "pairwise",
        3: "bridge",
        4: "prior",
    }
    assert poses[3].confidence == pytest.approx(0.6)
    assert poses[1].confidence == pytest.approx(0.9)


def test_stage_positions_stand_where_no_pair_speaks() -> None:
    stage = {2: (0.3, -0.4), 3: (-0.25, 0.1), 5: (0.0, 0.45)}
    for settings in ({}, {"aligned_below_px": 0.5}, {"prior_weight": 1e-4}):
        poses, verdicts = solved([2, 3, 5, 6], [], stage, **settings)
        assert verdicts == {}
        for slice_id, pose in poses.items():
            assert pose.source == "prior"
            assert pose.pose.rotation_deg == pytest.approx(0)
            np.testing.assert_allclose(pose.pose.translation, stage.get(slice_id, (0, 0)), atol=1e-9)


def test_pairs_outweigh_the_stage_and_the_rest_follows_it() -> None:
    stage = {0: (0.3, 0.0), 1: (-0.3, 0.0), 2: (0.2, 0.4), 3: (0.0, -0.4)}
    pairs = [PairMotion(0, 1, rigid(0, 5.0, 0.0), 0.8, RADIUS)]
    poses, _ = solved(range(4), pairs, stage, prior_weight=1e-4)
    at = np.array([poses[i].pose.translation for i in range(4)])
    np.testing.assert_allclose(at[1] - at[0], (5, 0), atol=0.01)
    np.testing.assert_allclose(np.diff(at[1:], axis=0), [(0.5, 0.4), (-0.2, -0.8)], atol=0.01)


@pytest.mark.parametrize("stage", [{}, {7: (0.3, -0.2)}])
def test_one_slice_alone_stays_on_its_stage_position(stage: dict[int, tuple[float, float]]) -> None:
    poses, verdicts = solved([7], [], stage)
    assert verdicts == {}
    assert poses[7].source == "prior"
    np.testing.assert_allclose(poses[7].pose.apply(POINTS), POINTS + stage.get(7, (0, 0)), atol=1e-9)


@pytest.mark.parametrize(
    ("motion", "moves"),
    [(rigid(0, 0.9), False), (rigid(0, 0, -1.2), True), (rigid(1.0), False), (rigid(1.3), True)],
)
def test_slices_that_would_hardly_move_are_not_moved_at_all(motion: Affine2D, moves: bool) -> None:
    # Half of the motion falls to each slice; a turn moves tissue by its angle times its radius.
    stage = {1: (0.1, 0.2)}
    poses, _ = solved(
        [0, 1], [PairMotion(0, 1, motion, 1.0, RADIUS)], stage if not moves else None, aligned_below_px=0.5
    )
    still = all(
        poses[i].pose.matrix == ((1, 0), (0, 1)) and poses[i].pose.translation == stage.get(i, (0, 0))
        for i in (0, 1)
    )
    assert still != moves


rigids = st.builds(rigid, st.floats(-40, 40), st.floats(-50, 50), st.floats(-50, 50))
shares = st.integers(0, 4).map(lambda n: n / 4)


@given(rigids, rigids, shares, shares)
@examples(max_examples=10, deadline=None)
def test_the_way_from_pose_to_pose_ends_at_both_and_adds_up(
    before: Affine2D, after: Affine2D, first: float, second: float
) -> None:
    def at(motion: Affine2D) -> NDArray[np.float64]:
        return motion.apply(POINTS)

    np.testing.assert_allclose(at(between(before, after, 0)), at(before), atol=1e-9)
    np.testing.assert_allclose(at(between(before, after, 1)), at(after), atol=1e-9)
    # `second` of what is left after `first`.
    there = between(between(before, after, first), after, second)
    straight = between(before, after, first + second * (1 - first))
    np.testing.assert_allclose(at(there), at(straight), atol=1e-6)
    np.testing.assert_allclose(
        at(between(after, before, first)), at(between(before, after, 1 - first)), atol=1e-6
    )


def test_half_way_between_two_shifts_lies_half_way() -> None:
    middle = between(rigid(0, 2.0, 8.0), rigid(0, -4.0, 2.0), 0.5)
    np.testing.assert_allclose(middle.apply((0.0, 0.0)), (-1, 5), atol=1e-9)
    assert between(rigid(2.0), rigid(10.0), 0.25).rotation_deg == pytest.approx(4)
