"""Poses: one in-plane rigid pose per measured slice, solved for all slices at once.

A pose W maps pixels of the volume to pixels of the slice. A pair says `W_moving = T W_fixed`,
which for known T is linear in the angles and centre shifts of the two poses, so the whole
chain is one weighted linear least-squares problem. A pair that contradicts its company (the
triangles that checks close) is found by robust reweighting and loses its weight. Poses compose
along the chain by construction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import spsolve

from schemas.pairwise import PairRole
from schemas.settings import StackSettings
from schemas.stacking_decisions_table import PoseSource
from soct_core.affine import Affine2D

# Checks see more anatomy between their planes than neighbours do: they judge, but hardly steer.
CHECK_WEIGHT = 0.01
# Where two pairs contradict each other and nothing else speaks, the larger motion is the wrong one.
JUDGE_PRIOR = 0.02
_ROUNDS = 12
_SPREADS = 5.0
# Only fixes what nothing else does: where the volume as a whole lies.
_GAUGE_WEIGHT = 1e-9


@dataclass(frozen=True)
class PairMotion:
    """What one pair says, and how much it is believed before the others are heard."""

    fixed_id: int
    moving_id: int
    motion: Affine2D
    weight: float
    """Confidence in [0, 1]; 0 for pairs that must not steer."""
    tissue_radius_px: float
    role: PairRole = "neighbours"


@dataclass(frozen=True)
class SolvedPose:
    """The pose of one measured slice, and what it rests on."""

    pose: Affine2D
    source: PoseSource
    confidence: float
    """Greatest final weight of the pairs that hold it."""


@dataclass(frozen=True)
class PairVerdict:
    """What became of a pair in the company of the others."""

    weight: float
    """Final weight: its confidence if it agrees with the others, else 0; little for a check."""
    disagreement_px: float
    """How far it is from what the others say, RMS over tissue."""
    agrees: bool


def solve_poses(
    ids: Sequence[int],
    pairs: Sequence[PairMotion],
    center: tuple[float, float],
    settings: StackSettings,
    prior: Mapping[int, tuple[float, float]] | None = None,
) -> tuple[dict[int, SolvedPose], dict[tuple[int, int], PairVerdict]]:
    """Solve the poses of all measured slices.

    Parameters
    ----------
    ids
        Measured slices.
    pairs
        Pairs between them; those of weight 0 are ignored.
    center
        Centre of rotation of all poses, x-y order, pixels.
    prior
        Sub-pixel stage positions (x, y) by id, from which neighbours weakly may not differ;
        zero where left out: slices come from common space.

    Returns
    -------
    poses : dict
        By slice id; their mean motion is about the prior's.
    verdicts : dict
        By (fixed_id, moving_id), for every pair given.
    """
    order = {slice_id: index for index, slice_id in enumerate(sorted(ids))}
    steering = [p for p in pairs if p.weight > 0 and p.fixed_id in order and p.moving_id in order]
    radius = float(np.median([p.tissue_radius_px for p in steering])) if steering else 1.0
    stage = np.zeros((len(order), 2))
    for slice_id, position in (prior or {}).items():
        if slice_id in order:
            stage[order[slice_id]] = position
    problem = _Problem(order, steering, center, max(radius, 1.0), stage)
    confidences = np.array([p.weight for p in steering])
    distances, scale = _disagreements(problem, confidences, settings.robust_scale_px)
    agrees = distances <= scale
    is_check = np.array([p.role == "check" for p in steering], dtype=bool)
    final = confidences * agrees * np.where(is_check, CHECK_WEIGHT, 1.0)
    solution = problem.solve(final, settings.prior_weight)
    verdicts = {(p.fixed_id, p.moving_id): PairVerdict(0.0, 0.0, True) for p in pairs}
    for pair, weight, distance, agreed in zip(steering, final, distances, agrees, strict=True):
        verdicts[pair.fixed_id, pair.moving_id] = PairVerdict(float(weight), float(distance), bool(agreed))
    poses = {
        slice_id: _solved(slice_id, solution[order[slice_id]], steering, verdicts, center, radius)
        for slice_id in order
    }
    return poses, verdicts


def _disagreements(
    problem: _Problem, confidences: NDArray[np.float64], least_scale: float
) -> tuple[NDArray[np.float64], float]:
    """Distance of every pair from the poses that most agree on, and the scale that tells outliers.

    Graduated non-convexity: reweighting (Geman-McClure) starts with a scale at which nobody is
    an outlier and halves it, so that a few wrong pairs cannot pull the rest along.
    Source: Yang et al. 2020, IEEE RA-L 5(2), 1127-1134.
    """
    distances = problem.disagreements(problem.solve(confidences, JUDGE_PRIOR))
    if not distances.size:
        return distances, least_scale
    scale = max(least_scale, 2.0 * float(distances.max()))
    for _ in range(_ROUNDS):
        weights = confidences / (1.0 + (distances / scale) ** 2) ** 2
        distances = problem.disagreements(problem.solve(weights, JUDGE_PRIOR))
        floor = max(least_scale, _SPREADS * 1.4826 * float(np.median(distances)))
        scale = max(floor, scale / 2)
    return distances, scale


def between(before: Affine2D, after: Affine2D, alpha: float) -> Affine2D:
    """The pose `alpha` of the way from that of before to that of after, on the one-parameter subgroup."""
    return after.compose(before.inverse()).power(alpha).compose(before)


class _Problem:
    """The linear system; unknowns are (x, y, angle * radius) of each slice, all in pixels."""

    def __init__(
        self,
        order: Mapping[int, int],
        pairs: Sequence[PairMotion],
        center: tuple[float, float],
        radius: float,
        stage: NDArray[np.float64],
    ) -> None:
        self.count = len(order)
        self._pairs = pairs
        self._at = [(order[p.fixed_id], order[p.moving_id]) for p in pairs]
        blocks, targets = [], []
        for pair in pairs:
            motion = pair.motion.about(center)
            rotation = np.eye(3)
            rotation[:2, :2] = motion.matrix
            blocks.append(rotation)
            targets.append([*motion.translation, np.deg2rad(motion.rotation_deg) * radius])
        self._blocks = blocks
        self._targets = np.array(targets).reshape(-1, 3)
        self._stage = np.column_stack((stage, np.zeros(self.count)))
        self.radius = radius

    def solve(self, weights: NDArray[np.float64], prior_weight: float) -> NDArray[np.float64]:
        """Weighted least squares; (n, 3)."""
        rows = sparse.lil_matrix((3 * (len(self._at) + 2 * self.count - 1), 3 * self.count))
        targets = np.zeros(rows.shape[0])
        for k, ((i, j), weight) in enumerate(zip(self._at, weights, strict=True)):
            root = np.sqrt(weight)
            rows[3 * k : 3 * k + 3, 3 * i : 3 * i + 3] = -root * self._blocks[k]
            rows[3 * k : 3 * k + 3, 3 * j : 3 * j + 3] = root * np.eye(3)
            targets[3 * k : 3 * k + 3] = root * self._targets[k]
        at = 3 * len(self._at)
        for i in range(self.count - 1):
            root = np.sqrt(prior_weight)
            rows[at : at + 3, 3 * i : 3 * i + 3] = -root * np.eye(3)
            rows[at : at + 3, 3 * i + 3 : 3 * i + 6] = root * np.eye(3)
            targets[at : at + 3] = root * (self._stage[i + 1] - self._stage[i])
            at += 3
        root = np.sqrt(_GAUGE_WEIGHT)
        for i in range(self.count):
            rows[at : at + 3, 3 * i : 3 * i + 3] = root * np.eye(3)
            targets[at : at + 3] = root * self._stage[i]
            at += 3
        system = rows.tocsc()
        found = spsolve((system.T @ system).tocsc(), system.T @ targets)
        return np.asarray(found, dtype=np.float64).reshape(self.count, 3)

    def disagreements(self, solution: NDArray[np.float64]) -> NDArray[np.float64]:
        """RMS distance over tissue of each pair from the solution, in pixels."""
        if not self._at:
            return np.zeros(0)
        residuals = np.array(
            [
                solution[j] - block @ solution[i] - target
                for (i, j), block, target in zip(self._at, self._blocks, self._targets, strict=True)
            ]
        )
        return np.asarray(np.sqrt((residuals**2).sum(axis=1)))


def _solved(
    slice_id: int,
    unknowns: NDArray[np.float64],
    pairs: Sequence[PairMotion],
    verdicts: Mapping[tuple[int, int], PairVerdict],
    center: tuple[float, float],
    radius: float,
) -> SolvedPose:
    pose = Affine2D.rigid(float(np.rad2deg(unknowns[2] / max(radius, 1.0))), unknowns[:2].tolist(), center)
    touching = [p for p in pairs if slice_id in (p.fixed_id, p.moving_id)]
    trust = {p: verdicts[p.fixed_id, p.moving_id].weight for p in touching}
    best = max(trust.values(), default=0.0)
    source: PoseSource = "prior"
    if best > 0:
        source = "pairwise" if any(p.role == "neighbours" and w > 0 for p, w in trust.items()) else "bridge"
    return SolvedPose(pose, source, min(1.0, best))
