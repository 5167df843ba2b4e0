"""Poses: one in-plane rigid pose per measured slice, solved for all slices at once.

A pose W maps pixels of the volume to pixels of the slice; here all pixels are square. A pair says
`W_moving = T W_fixed`, so the whole chain is one weighted least-squares problem on a graph. A pair that
disagrees with the others (checks close triangles of pairs) is found by robust reweighting and loses its
weight. Poses compose along the chain by construction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from schemas.pairwise import PairRole
from schemas.settings import StackSettings
from schemas.tables.stacking_decisions import PoseSource
from soct_core.affine import Affine2D

CHECK_WEIGHT = 0.01
"""Factor on the weight of a check in the final solution. A guess that served: more anatomy lies between its
planes than between those of neighbours, so it judges other pairs but hardly moves slices."""
JUDGE_PRIOR = 0.01
"""Weight of the prior while pairs are judged. A guess that served: where two pairs disagree and no third one
decides, the larger motion counts as the wrong one."""
MAX_VOTE = 0.5
"""Largest weight of a pair while pairs are judged. A guess that served: one pair of full confidence must not
outvote two that disagree with it."""
_ROUNDS = 30
"""Rounds of each reweighting. A guess that served."""
_NEGLIGIBLE_PX = 0.1
"""Smaller disagreements count as this one, so that no weight is infinite. Chosen by hand."""
_SPREADS = 5.0
"""Standard deviations of all disagreements beyond which a pair is an outlier. A guess that served."""
_GAUGE_WEIGHT = 1e-7
"""Fixes only where the volume as a whole lies, which nothing else does. Chosen by hand: far below any weight,
far above rounding."""


@dataclass(frozen=True)
class PairMotion:
    """The motion of one pair, and its weight before it is compared with the other pairs."""

    fixed_id: int
    moving_id: int
    motion: Affine2D
    """Rigid, in square pixels."""
    weight: float
    """Confidence in [0, 1]; 0 for pairs that must not steer."""
    tissue_radius_px: float
    role: PairRole = "neighbours"


@dataclass(frozen=True)
class SolvedPose:
    """The pose of one measured slice, and which pairs it comes from."""

    pose: Affine2D
    source: PoseSource
    confidence: float
    """Greatest final weight of the pairs of this slice."""


@dataclass(frozen=True)
class PairVerdict:
    """How well a pair agrees with the others, and the weight that it kept."""

    weight: float
    """Final weight: its confidence if it agrees with the others, else 0; little for a check."""
    disagreement_px: float
    """RMS distance over tissue between its motion and the one that all pairs together give."""
    agrees: bool


def solve_poses(
    ids: Sequence[int],
    pairs: Sequence[PairMotion],
    center: tuple[float, float],
    settings: StackSettings,
    prior: Mapping[int, tuple[float, float]] | None = None,
    frozen: Mapping[int, SolvedPose] | None = None,
) -> tuple[dict[int, SolvedPose], dict[tuple[int, int], PairVerdict]]:
    """Solve the poses of all measured slices, or of those that are not frozen yet.

    Parameters
    ----------
    ids
        Measured slices.
    pairs
        Pairs between them; those of weight 0 are ignored.
    center
        Centre of rotation of all poses, x-y order, pixels.
    prior
        Sub-pixel stage positions (x, y) by id, to which neighbours are weakly held; zero where
        left out: slices come from common space.
    frozen
        Poses already published, by id: given constants, against which the others are solved.

    Returns
    -------
    poses : dict
        By slice id; their mean motion is about the prior's where none is frozen.
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
    given = frozen or {}
    known = {order[i]: solved.pose.about(center) for i, solved in given.items() if i in order}
    problem = _Problem(order, steering, center, max(radius, 1.0), stage, known)
    confidences = np.array([p.weight for p in steering])
    votes = np.minimum(confidences, MAX_VOTE)
    distances, scale = _disagreements(problem, votes, settings.robust_scale_px)
    agrees = distances <= scale
    is_check = np.array([p.role == "check" for p in steering], dtype=bool)
    final = confidences * agrees * np.where(is_check, CHECK_WEIGHT, 1.0)
    solution = problem.solve(final, settings.prior_weight)
    verdicts = {(p.fixed_id, p.moving_id): PairVerdict(0.0, 0.0, True) for p in pairs}
    for pair, weight, distance, agreed in zip(steering, final, distances, agrees, strict=True):
        verdicts[pair.fixed_id, pair.moving_id] = PairVerdict(float(weight), float(distance), bool(agreed))
    if problem.greatest_move(solution) <= settings.aligned_below_px:
        solution = problem.unmoved()
    poses = {
        slice_id: given.get(slice_id)
        or _solved(slice_id, solution[order[slice_id]], steering, verdicts, center)
        for slice_id in order
    }
    return poses, verdicts


def _disagreements(
    problem: _Problem, confidences: NDArray[np.float64], least_scale: float
) -> tuple[NDArray[np.float64], float]:
    """Distance of every pair from the poses that most agree on, and the scale that tells outliers.

    Least absolute deviations first: the sum of distances has one minimum, and there the fewest
    pairs are far off. Reweighting with a redescending loss [1]_ then takes their weight away.

    References
    ----------
    .. [1] Geman S, McClure DE (1987). Statistical methods for tomographic image reconstruction. Bulletin of
       the International Statistical Institute 52(4), 5-21.
    """
    distances = problem.disagreements(problem.solve(confidences, JUDGE_PRIOR))
    for _ in range(_ROUNDS):
        weights = confidences / np.maximum(distances, _NEGLIGIBLE_PX)
        distances = problem.disagreements(problem.solve(weights, JUDGE_PRIOR))
    # 1.4826 makes a median absolute deviation a standard deviation, for normal noise.
    spread = 1.4826 * float(np.median(distances)) if distances.size else 0.0
    scale = max(least_scale, _SPREADS * spread)
    for _ in range(_ROUNDS):
        weights = confidences / (1.0 + (distances / scale) ** 2) ** 2
        distances = problem.disagreements(problem.solve(weights, JUDGE_PRIOR))
    return distances, scale


def between(before: Affine2D, after: Affine2D, alpha: float) -> Affine2D:
    """The pose `alpha` of the way from that of before to that of after, on the one-parameter subgroup."""
    return after.compose(before.inverse()).power(alpha).compose(before)


class _Problem:
    """The graph of poses. Unknowns per slice: its angle, and its shift turned back by that angle.

    In these, every pair is a plain difference of two slices, so that angles and shifts are
    solved one after the other with the same weighted graph Laplacian. Known slices are moved to
    its right-hand side.
    """

    def __init__(
        self,
        order: Mapping[int, int],
        pairs: Sequence[PairMotion],
        center: tuple[float, float],
        radius: float,
        stage: NDArray[np.float64],
        known: Mapping[int, Affine2D],
    ) -> None:
        self._count = len(order)
        self._free = np.array([i for i in range(self._count) if i not in known], dtype=np.intp)
        self._fixed = np.array(sorted(known), dtype=np.intp)
        self._values = np.zeros((self._count, 3))
        for index, pose in known.items():
            angle = np.deg2rad(pose.rotation_deg)
            (back,) = _turned(np.array([pose.translation]), np.array([-angle]))
            self._values[index] = (*back, angle)
        self._radius = radius
        self._stage = stage
        self._upper = np.array([order[p.fixed_id] for p in pairs], dtype=np.intp)
        self._lower = np.array([order[p.moving_id] for p in pairs], dtype=np.intp)
        motions = [p.motion.about(center) for p in pairs]
        self._turns = np.array([np.deg2rad(m.rotation_deg) for m in motions])
        self._shifts = np.array([m.translation for m in motions], dtype=float).reshape(-1, 2)

    def solve(self, weights: NDArray[np.float64], prior_weight: float) -> NDArray[np.float64]:
        """Weighted least squares; (n, 3): x and y shift turned back, angle in radians."""
        chain = np.arange(self._count - 1, dtype=np.intp)
        upper, lower = np.append(self._upper, chain), np.append(self._lower, chain + 1)
        strength = np.append(weights, np.full(self._count - 1, prior_weight))
        if not self._free.size:
            return self._values
        rows = self._laplacian(upper, lower, strength)[self._free]
        solver, coupling = splu(rows[:, self._free].tocsc()), rows[:, self._fixed]

        def solved(
            differences: NDArray[np.float64], middle: NDArray[np.float64], known: NDArray[np.float64]
        ) -> NDArray[np.float64]:
            right = _GAUGE_WEIGHT * middle
            np.add.at(right, lower, strength * differences)
            np.add.at(right, upper, -strength * differences)
            found = known.copy()
            found[self._free] = solver.solve(right[self._free] - coupling @ known[self._fixed])
            return found

        turns = np.append(self._turns, np.zeros(self._count - 1))
        angles = solved(turns, np.zeros(self._count), self._values[:, 2])
        stage = _turned(self._stage, -angles)
        found = _turned(self._shifts, -angles[self._lower])
        steps = np.concatenate([found, _turned(np.diff(self._stage, axis=0), -angles[1:])])
        x, y = (solved(steps[:, axis], stage[:, axis], self._values[:, axis]) for axis in (0, 1))
        return np.column_stack((x, y, angles))

    def unmoved(self) -> NDArray[np.float64]:
        """The solution that leaves every slice where the stage says it is."""
        return np.column_stack((self._stage, np.zeros(self._count)))

    def greatest_move(self, solution: NDArray[np.float64]) -> float:
        """Greatest RMS distance over tissue that a solution moves any slice, in pixels."""
        shift = _turned(solution[:, :2], solution[:, 2]) - self._stage
        moves = np.sqrt((solution[:, 2] * self._radius) ** 2 + (shift**2).sum(axis=1))
        return float(moves.max(initial=0.0))

    def disagreements(self, solution: NDArray[np.float64]) -> NDArray[np.float64]:
        """RMS distance over tissue of each pair from the solution, in pixels."""
        angles = solution[:, 2]
        turn = angles[self._lower] - angles[self._upper] - self._turns
        found = _turned(self._shifts, -angles[self._lower])
        shift = solution[self._lower, :2] - solution[self._upper, :2] - found
        return np.asarray(np.sqrt((turn * self._radius) ** 2 + (shift**2).sum(axis=1)))

    def _laplacian(
        self, upper: NDArray[np.intp], lower: NDArray[np.intp], strength: NDArray[np.float64]
    ) -> sparse.csr_array:
        rows = np.concatenate([upper, lower, upper, lower, np.arange(self._count)])
        columns = np.concatenate([upper, lower, lower, upper, np.arange(self._count)])
        gauge = np.full(self._count, _GAUGE_WEIGHT)
        values = np.concatenate([strength, strength, -strength, -strength, gauge])
        return sparse.csr_array((values, (rows, columns)), shape=(self._count, self._count))


def _turned(vectors: NDArray[np.float64], angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each (x, y) vector turned by its angle in radians."""
    cos, sin = np.cos(angles), np.sin(angles)
    x, y = vectors[:, 0], vectors[:, 1]
    return np.column_stack((cos * x - sin * y, sin * x + cos * y))


def _solved(
    slice_id: int,
    unknowns: NDArray[np.float64],
    pairs: Sequence[PairMotion],
    verdicts: Mapping[tuple[int, int], PairVerdict],
    center: tuple[float, float],
) -> SolvedPose:
    angle = unknowns[2]
    (shift,) = _turned(unknowns[None, :2], np.array([angle]))
    pose = Affine2D.rigid(float(np.rad2deg(angle)), shift.tolist(), center)
    touching = [p for p in pairs if slice_id in (p.fixed_id, p.moving_id)]
    trust = {p: verdicts[p.fixed_id, p.moving_id].weight for p in touching}
    best = max(trust.values(), default=0.0)
    source: PoseSource = "prior"
    if best > 0:
        source = "pairwise" if any(p.role == "neighbours" and w > 0 for p, w in trust.items()) else "bridge"
    return SolvedPose(pose, source, min(1.0, best))
