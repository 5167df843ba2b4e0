"""Poses of all slices at once: exact chains come back, single wrong pairs are found out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from numpy.typing import NDArray

from schemas.pairwise import PairRole
from schemas.settings import StackSettings
from soct_core.affine import Affine2D
from soct_core.simulation.pose_error import pose_errors
from soct_core.stacking.poses import PairMotion, PairVerdict, SolvedPose, between, solve_poses
from soct_core.stacking.z_corrections import ZDrift, z_corrections

CENTER = (99.5, 79.5)
RADIUS = 50.0
"""RMS distance of tissue from the centre."""
POINTS: NDArray[np.float64] = np.stack(
    np.meshgrid(np.linspace(40, 160, 7), np.linspace(30, 130, 6)), axis=-1
).reshape(-1, 2)
FREE = 1e-12
"""A prior that holds nothing but what no pair speaks of."""

Poses = Mapping[int, Affine2D]


def rigid(degrees: float, x: float = 0.0, y: float = 0.0) -> Affine2D:
    """A rigid motion about the centre."""
    return Affine2D.rigid(degrees, (x, y), CENTER)


def random_chain(
    ids: Sequence[int], seed: int, turn: float = 10.0, shift: float = 20.0
) -> dict[int, Affine2D]:
    """Poses of slices that turned and shifted at every cut."""
    rng = np.random.default_rng(seed)
    poses = {ids[0]: rigid(rng.uniform(-turn, turn), *rng.uniform(-shift, shift, 2))}
    for above, below in pairwise(ids):
        cut = rigid(rng.uniform(-turn, turn), *rng.uniform(-shift, shift, 2))
        poses[below] = cut.compose(poses[above])
    return poses


def pair(
    true: Poses, fixed: int, moving: int, weight: float = 0.9, role: PairRole = "neighbours"
) -> PairMotion:
    """What a perfect registration of two slices would say, about another centre than the poses'."""
    motion = true[moving].compose(true[fixed].inverse()).about((3.0, -8.0))
    return PairMotion(fixed, moving, motion, weight, RADIUS, role)


def pairs_of(true: Poses, *, checks: bool) -> list[PairMotion]:
    """All neighbours, and second neighbours if asked for."""
    ids = sorted(true)
    pairs = [pair(true, a, b) for a, b in pairwise(ids)]
    return pairs + [pair(true, a, b, role="check") for a, b in zip(ids, ids[2:], strict=False) if checks]


def solved(
    ids: Sequence[int],
    pairs: Sequence[PairMotion],
    prior: Mapping[int, tuple[float, float]] | None = None,
    **settings: Any,
) -> tuple[dict[int, SolvedPose], dict[tuple[int, int], PairVerdict]]:
    """Solve with a negligible prior and without the rule that leaves aligned slices alone."""
    chosen = StackSettings.model_validate({"prior_weight": FREE, "aligned_below_px": 0.0} | settings)
    return solve_poses(ids, pairs, CENTER, chosen, prior)


def worst_error(found: Mapping[int, SolvedPose], true: Poses) -> float:
    """Greatest error of any slice, in pixels, up to one motion of the whole."""
    return max(pose_errors({i: p.pose for i, p in found.items()}, true, POINTS).values())


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


def test_contradictions_are_shared_by_weight() -> None:
    # Around the triangle 1.2 px are left over; each pair takes of it as 1 / weight.
    pairs = [
        PairMotion(0, 1, rigid(0, 2.0), 1.0, RADIUS),
        PairMotion(1, 2, rigid(0, 2.0), 0.5, RADIUS),
        PairMotion(0, 2, rigid(0, 5.2), 0.25, RADIUS, "bridge"),
    ]
    poses, verdicts = solved(range(3), pairs)
    at = [poses[i].pose.translation[0] for i in range(3)]
    share = 1.2 / (1 / 1.0 + 1 / 0.5 + 1 / 0.25)
    np.testing.assert_allclose(np.diff(at), [2 + share, 2 + 2 * share], atol=1e-5)
    assert all(v.agrees for v in verdicts.values())
    assert [verdicts[p.fixed_id, p.moving_id].weight for p in pairs] == [1.0, 0.5, 0.25]


def test_checks_judge_but_hardly_steer() -> None:
    pairs = [
        PairMotion(0, 1, rigid(0, 2.0), 1.0, RADIUS),
        PairMotion(1, 2, rigid(0, 2.0), 1.0, RADIUS),
        PairMotion(0, 2, rigid(0, 6.0), 1.0, RADIUS, "check"),
    ]
    poses, verdicts = solved(range(3), pairs)
    assert poses[2].pose.translation[0] - poses[0].pose.translation[0] == pytest.approx(4, abs=0.05)
    assert verdicts[0, 2].weight < 0.02


@pytest.mark.parametrize("seed", range(3))
def test_pairs_of_weight_0_never_steer(seed: int) -> None:
    true = random_chain(range(6), seed)
    honest = pairs_of(true, checks=True)
    wild = [
        PairMotion(2, 3, rigid(90, 500, -500), 0.0, 1e4, "bridge"),
        PairMotion(0, 5, rigid(-45, 40, 0), 0.0, 1e4, "bridge"),
    ]
    honest = [p for p in honest if (p.fixed_id, p.moving_id) != (2, 3)]
    alone, _ = solved(range(6), honest)
    beside, verdicts = solved(range(6), [wild[0], *honest, wild[1]])
    assert beside == alone
    assert verdicts[2, 3].weight == verdicts[0, 5].weight == 0
    assert len(verdicts) == len(honest) + 2


def test_pairs_with_slices_that_are_not_measured_never_steer() -> None:
    true = random_chain(range(5), 1)
    ids = [0, 1, 3, 4]
    pairs = [pair(true, 0, 1), pair(true, 1, 3, role="bridge"), pair(true, 3, 4)]
    wild = [PairMotion(1, 2, rigid(5, 30), 1.0, RADIUS), PairMotion(2, 3, rigid(5, 30), 1.0, RADIUS)]
    poses, verdicts = solved(ids, [*pairs, *wild])
    assert poses == solved(ids, pairs)[0]
    assert verdicts[1, 2].weight == verdicts[2, 3].weight == 0


INNER = [(3, 4), (4, 5)]
ENDS = [(0, 1), (8, 9)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("wrong", "px"),
    [(p, px) for p in INNER for px in (5.0, 8.0, 15.0, 30.0, 60.0)] + [(p, 30.0) for p in ENDS],
)
@pytest.mark.parametrize("heading", [0, 100, 200, 290])
def test_a_single_sabotaged_pair_is_the_one_found_out(
    seed: int, wrong: tuple[int, int], px: float, heading: float
) -> None:
    true = random_chain(range(10), seed, 1.0, 5.0)
    pairs = pairs_of(true, checks=True)
    at = [(p.fixed_id, p.moving_id) for p in pairs].index(wrong)
    by = px * np.cos(np.deg2rad(heading)), px * np.sin(np.deg2rad(heading))
    pairs[at] = replace(pairs[at], motion=rigid(0, *by).compose(pairs[at].motion))
    poses, verdicts = solved(range(10), pairs, prior_weight=1e-4)
    assert {p for p, v in verdicts.items() if not v.agrees} == {wrong}
    assert verdicts[wrong].disagreement_px == pytest.approx(px, rel=0.1)
    assert verdicts[wrong].weight == 0
    assert worst_error(poses, true) < 0.1


@pytest.mark.parametrize("degrees", [-20.0, 6.0, 12.0])
def test_a_pair_that_turned_wrongly_is_found_out_too(degrees: float) -> None:
    true = random_chain(range(10), 7, 1.0, 5.0)
    pairs = pairs_of(true, checks=True)
    pairs[4] = replace(pairs[4], motion=rigid(degrees).compose(pairs[4].motion))
    poses, verdicts = solved(range(10), pairs, prior_weight=1e-4)
    assert {p for p, v in verdicts.items() if not v.agrees} == {(4, 5)}
    assert verdicts[4, 5].disagreement_px == pytest.approx(np.deg2rad(abs(degrees)) * RADIUS, rel=0.1)
    assert worst_error(poses, true) < 0.1


@pytest.mark.parametrize("px", [5.0, 60.0])
def test_a_sabotaged_check_accuses_no_neighbours(px: float) -> None:
    true = random_chain(range(10), 7, 1.0, 5.0)
    pairs = pairs_of(true, checks=True)
    at = [(p.fixed_id, p.moving_id) for p in pairs].index((4, 6))
    pairs[at] = replace(pairs[at], motion=rigid(0, px).compose(pairs[at].motion))
    poses, verdicts = solved(range(10), pairs, prior_weight=1e-4)
    assert {p for p, v in verdicts.items() if not v.agrees} == {(4, 6)}
    assert worst_error(poses, true) < 0.1


@pytest.mark.parametrize("wrong", range(3))
@pytest.mark.parametrize("px", [20.0, 60.0])
def test_where_nothing_else_speaks_the_larger_motion_is_the_wrong_one(wrong: int, px: float) -> None:
    roles: list[tuple[int, int, PairRole]] = [(0, 1, "neighbours"), (1, 2, "neighbours"), (0, 2, "check")]
    pairs = [
        PairMotion(fixed, moving, rigid(0, px if index == wrong else 0.5), 0.9, RADIUS, role)
        for index, (fixed, moving, role) in enumerate(roles)
    ]
    poses, verdicts = solved(range(3), pairs, prior_weight=1e-4)
    assert [v.agrees for v in verdicts.values()] == [index != wrong for index in range(3)]
    assert max(abs(p.pose.translation[0]) for p in poses.values()) < 1


def test_many_pairs_a_little_off_are_no_contradiction() -> None:
    rng = np.random.default_rng(0)
    true = random_chain(range(20), 3, 1.0, 5.0)
    pairs = [
        replace(p, motion=rigid(rng.normal(0, 0.1), *rng.normal(0, 0.2, 2)).compose(p.motion))
        for p in pairs_of(true, checks=True)
    ]
    poses, verdicts = solved(range(20), pairs, prior_weight=1e-4)
    assert all(v.agrees for v in verdicts.values())
    assert 0.05 < worst_error(poses, true) < 2


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


@pytest.mark.parametrize("whole", [rigid(0), rigid(3.0, 20.0, -7.0), rigid(-170.0, 1.0, 2.0)])
def test_the_motion_of_the_whole_volume_is_no_error(whole: Affine2D) -> None:
    true = random_chain(range(5), 0)
    errors = pose_errors({i: p.compose(whole) for i, p in true.items()}, true, POINTS)
    assert list(errors) == list(range(5))
    assert max(errors.values()) < 1e-9


def test_a_slice_off_by_5_pixels_has_an_error_of_5_pixels_less_its_share_of_the_fit() -> None:
    true = {i: rigid(0) for i in range(10)}
    # Pure shifts: the best fit moves the whole by a tenth of it.
    found = true | {4: rigid(0, -3.0, 4.0)}
    errors = pose_errors(found, true, POINTS)
    assert errors.pop(4) == pytest.approx(4.5, abs=1e-6)
    assert list(errors.values()) == pytest.approx([0.5] * 9, abs=1e-6)


def test_a_mirrored_volume_is_an_error_no_motion_can_undo() -> None:
    mirror = Affine2D.of([[-1, 0], [0, 1]], (0, 0), CENTER)
    true = {i: rigid(0) for i in range(3)}
    errors = pose_errors(dict.fromkeys(true, mirror), true, POINTS)
    assert min(errors.values()) > 20


def test_z_drift_of_one_pair_is_shared_by_both() -> None:
    # Least squares of (b - a - d)^2 + (a^2 + b^2) / 20: b = -a = d / 2.05.
    found = z_corrections([3, 4], [ZDrift(3, 4, 41.0, 1.0)], 100.0)
    assert found == pytest.approx({3: -20.0, 4: 20.0})


def test_z_drift_counts_by_its_weight() -> None:
    # w (b - a - d)^2 + (a^2 + b^2) / 20: b = d / (2 + 1 / (20 w)).
    for weight in (0.1, 0.5, 2.0):
        found = z_corrections([0, 1], [ZDrift(0, 1, -10.0, weight)], 100.0)
        assert found[1] == pytest.approx(-10.0 / (2 + 0.05 / weight))
        assert found[0] == pytest.approx(-found[1])


def test_no_z_correction_exceeds_its_bound() -> None:
    drifts = [ZDrift(i, i + 1, 80.0, 1.0) for i in range(9)]
    free = z_corrections(range(10), drifts, 1e9)
    bound = z_corrections(range(10), drifts, 50.0)
    assert free[9] > 100
    assert bound == pytest.approx({i: float(np.clip(z, -50, 50)) for i, z in free.items()})
    # Positive is deeper: the lower slices of a chain that reaches too deep move down.
    assert [free[i] < free[i + 1] for i in range(9)] == [True] * 9
    assert sum(free.values()) == pytest.approx(0, abs=1e-9)


def test_slices_without_a_z_match_are_not_corrected() -> None:
    drifts = [ZDrift(0, 1, 30.0, 0.0), ZDrift(1, 9, 30.0, 1.0)]
    assert z_corrections([0, 1, 2], drifts, 100.0) == {0: 0.0, 1: 0.0, 2: 0.0}
    assert z_corrections([0, 1, 2], [], 100.0) == {0: 0.0, 1: 0.0, 2: 0.0}
    assert z_corrections([5], [], 100.0) == {5: 0.0}
