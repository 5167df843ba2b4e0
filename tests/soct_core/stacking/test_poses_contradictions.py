"""Pairs that contradict each other: shared by weight, and a single wrong one is found out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pose_chains import RADIUS, pair, pairs_of, random_chain, rigid, solved, worst_error

from schemas.pairwise import PairRole
from soct_core.stacking.poses import PairMotion


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
