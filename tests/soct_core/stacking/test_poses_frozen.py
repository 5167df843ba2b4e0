"""Frozen poses stay as they were published, and new slices follow them."""

from __future__ import annotations

import pytest
from frozen_poses import CENTER, solved

from schemas.settings import StackSettings
from soct_core.affine import Affine2D
from soct_core.stacking.poses import PairMotion, SolvedPose, solve_poses

SETTINGS = StackSettings()


def pair(fixed: int, moving: int, x: float, turn: float = 0.0, weight: float = 0.9) -> PairMotion:
    return PairMotion(fixed, moving, Affine2D.rigid(turn, (x, 0.0), CENTER), weight, 60.0)


def test_frozen_poses_stay_and_new_ones_follow_them() -> None:
    frozen = {0: solved(11.0), 1: solved(17.0, 1.0)}
    # The pair between the frozen ones says something else, and is heard no more.
    pairs = [pair(0, 1, 40.0), pair(1, 2, 3.0, 0.5), pair(2, 3, -1.0)]
    poses, verdicts = solve_poses([0, 1, 2, 3], pairs, CENTER, SETTINGS, frozen=frozen)
    assert {i: poses[i] for i in frozen} == frozen
    step = Affine2D.rigid(0.5, (3.0, 0.0), CENTER).compose(frozen[1].pose)
    for point in ((0.0, 0.0), (239.0, 199.0)):
        assert poses[2].pose.apply(point) == pytest.approx(step.apply(point), abs=0.01)
        assert poses[3].pose.apply(point) == pytest.approx(step.apply(point) - [1.0, 0.0], abs=0.01)
    assert verdicts[1, 2].agrees


def test_appending_one_by_one_gives_what_an_exact_chain_gives_at_once() -> None:
    pairs = [pair(i, i + 1, 2.0 * (-1) ** i + 0.5, 0.4 * (-1) ** i) for i in range(6)]
    at_once, _ = solve_poses(range(7), pairs, CENTER, SETTINGS)
    grown, _ = solve_poses(range(3), pairs[:2], CENTER, SETTINGS)
    for last in range(3, 7):
        grown, _ = solve_poses(range(last + 1), pairs[:last], CENTER, SETTINGS, frozen=grown)
    # The volume as a whole may lie elsewhere: compare slices with their first.
    for i in range(7):
        whole = at_once[i].pose.compose(at_once[0].pose.inverse())
        piece = grown[i].pose.compose(grown[0].pose.inverse())
        assert piece.apply((200.0, 10.0)) == pytest.approx(whole.apply((200.0, 10.0)), abs=0.02)


def test_all_frozen_is_as_it_was() -> None:
    frozen = {0: solved(1.0), 1: solved(-4.0, 2.0)}
    poses, _ = solve_poses([0, 1], [pair(0, 1, 9.0)], CENTER, SETTINGS, frozen=frozen)
    assert poses == frozen


@pytest.mark.parametrize(("x", "moves"), [(0.3, False), (0.9, True)])
def test_a_slice_that_would_hardly_move_joins_the_unmoved(x: float, moves: bool) -> None:
    frozen = {i: SolvedPose(Affine2D.identity(CENTER), "pairwise", 0.9) for i in (0, 1)}
    poses, _ = solve_poses([0, 1, 2], [pair(1, 2, x)], CENTER, SETTINGS, frozen=frozen)
    assert (poses[2].pose.apply((0.0, 0.0)).tolist() != [0.0, 0.0]) == moves
