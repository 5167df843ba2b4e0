"""Chains of slices with known poses, the pairs that tell them, and the error of what is solved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.pairwise import PairRole
from schemas.settings import StackSettings
from soct_core.affine import Affine2D
from soct_core.simulation.pose_error import pose_errors
from soct_core.stacking.poses import PairMotion, PairVerdict, SolvedPose, solve_poses

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
