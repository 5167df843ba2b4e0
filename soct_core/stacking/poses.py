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
from schemas.published_stack import PoseSource
from schemas.settings import StackSettings
from soct_core.affine import Affine2D
from soct_core.arrays import Mask

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
_BY_HAND_VOTE = 1e3
"""Weight of a pair set by hand while pairs are judged. Chosen by hand: others are held against it, not it
against others."""
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
    by_hand: bool = False
    """Set by hand: no other pair takes its weight away."""


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
        left out: slices come from common space. `settings.pose_from` may hold rotation or shift to it.
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
    given = frozen or {}
    may_steer = {i for i in order if settings.pose_from_of(i) != "stage"}
    steering = [p for p in pairs if p.weight > 0 and {p.fixed_id, p.moving_id} <= may_steer]
    radius = float(np.median([p.tissue_radius_px for p in steering])) if steering else 1.0
    known = {order[i]: solved.pose.about(center) for i, solved in given.items() if i in order}
    stage = _Stage.of(sorted(order), prior or {}, settings)
    problem = _Problem(order, steering, center, max(radius, 1.0), stage, known)
    judged = _judged(problem, steering, settings)
    verdicts = {(p.fixed_id, p.moving_id): PairVerdict(0.0, 0.0, True) for p in pairs}
    verdicts |= {(p.fixed_id, p.moving_id): verdict for p, verdict in zip(steering, judged, strict=True)}
    solution = problem.solve(np.array([verdict.weight for verdict in judged]), settings.prior_weight)
    # What is set by hand is done, however little it is.
    by_hand = np.array([p.by_hand for p in steering], dtype=bool)
    asked = problem.disagreements(problem.unmoved())[by_hand].max(initial=0.0) > _NEGLIGIBLE_PX
    if problem.greatest_move(solution) <= settings.aligned_below_px and not asked:
        solution = problem.unmoved()
    poses = {
        i: SolvedPose(_pose(solution[index], center), *_support(i, steering, verdicts, settings))
        for i, index in order.items()
    }
    return poses | {i: solved for i, solved in given.items() if i in order}, verdicts


def _judged(problem: _Problem, pairs: Sequence[PairMotion], settings: StackSettings) -> list[PairVerdict]:
    """The verdict on each pair; one that was set by hand always agrees."""
    confidences = np.array([p.weight for p in pairs])
    by_hand = np.array([p.by_hand for p in pairs], dtype=bool)
    votes = np.where(by_hand, _BY_HAND_VOTE, np.minimum(confidences, MAX_VOTE))
    distances, scale = _disagreements(problem, votes, settings.robust_scale_px)
    agrees = by_hand | (distances <= scale)
    is_check = np.array([p.role == "check" for p in pairs], dtype=bool) & ~by_hand
    final = confidences * agrees * np.where(is_check, CHECK_WEIGHT, 1.0)
    judged = zip(final.tolist(), distances.tolist(), agrees.tolist(), strict=True)
    return [PairVerdict(*verdict) for verdict in judged]


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


@dataclass(frozen=True, eq=False)
class _Stage:
    """Where the stage put the slices, and which of them keep its rotation (none) or its shift."""

    positions: NDArray[np.float64]
    """(n, 2), x and y in pixels."""
    holds_turn: Mask
    holds_shift: Mask

    @classmethod
    def of(
        cls, ids: Sequence[int], prior: Mapping[int, tuple[float, float]], settings: StackSettings
    ) -> _Stage:
        """The stage's word on each of the slices, in their order."""
        wanted = [settings.pose_from_of(i) for i in ids]
        positions = np.array([prior.get(i, (0.0, 0.0)) for i in ids], dtype=float).reshape(-1, 2)
        turns, shifts = (np.isin(wanted, ("stage", held)) for held in ("translation", "rotation"))
        return cls(positions, turns, shifts)


class _Problem:
    """The graph of poses. Unknowns per slice: its angle, and its shift turned back by that angle.

    In these, every pair is a plain difference of two slices, so that angles and shifts are
    solved one after the other, each with its weighted graph Laplacian. Slices that are known, or held to the
    stage, are moved to its right-hand side; what a pair says of a slice that is held does not count.
    """

    def __init__(
        self,
        order: Mapping[int, int],
        pairs: Sequence[PairMotion],
        center: tuple[float, float],
        radius: float,
        stage: _Stage,
        known: Mapping[int, Affine2D],
    ) -> None:
        self._count = len(order)
        self._known = np.isin(np.arange(self._count), list(known))
        self._values = np.zeros((self._count, 3))
        for index, pose in known.items():
            angle = np.deg2rad(pose.rotation_deg)
            (back,) = _turned(np.array([pose.translation]), np.array([-angle]))
            self._values[index] = (*back, angle)
        self._radius = radius
        self._stage = stage.positions
        self._upper = np.array([order[p.fixed_id] for p in pairs], dtype=np.intp)
        self._lower = np.array([order[p.moving_id] for p in pairs], dtype=np.intp)
        motions = [p.motion.about(center) for p in pairs]
        self._turns = np.array([np.deg2rad(m.rotation_deg) for m in motions])
        self._shifts = np.array([m.translation for m in motions], dtype=float).reshape(-1, 2)
        self._held_turn, self._held_shift = stage.holds_turn, stage.holds_shift
        self._turn_counts, self._shift_counts = (
            ~(held[self._upper] | held[self._lower]) for held in (self._held_turn, self._held_shift)
        )

    def solve(self, weights: NDArray[np.float64], prior_weight: float) -> NDArray[np.float64]:
        """Weighted least squares; (n, 3): x and y shift turned back, angle in radians."""
        chain = np.arange(self._count - 1, dtype=np.intp)
        upper, lower = np.append(self._upper, chain), np.append(self._lower, chain + 1)
        prior = np.full(self._count - 1, prior_weight)

        def solved(
            strength: NDArray[np.float64], differences: NDArray[np.float64], middle: NDArray[np.float64]
        ) -> NDArray[np.float64]:
            """A column for each of `differences`; `middle`: what is known, and the gauge of the rest."""
            found = middle.copy()
            if not free.size:
                return found
            rows = self._laplacian(upper, lower, strength)[free]
            right = _GAUGE_WEIGHT * middle
            np.add.at(right, lower, strength[:, None] * differences)
            np.add.at(right, upper, -strength[:, None] * differences)
            found[free] = splu(rows[:, free].tocsc()).solve(right[free] - rows[:, fixed] @ middle[fixed])
            return found

        fixed = np.flatnonzero(self._known | self._held_turn)
        free = np.setdiff1d(np.arange(self._count), fixed)
        turns = np.append(self._turns, np.zeros(self._count - 1))[:, None]
        angles = solved(np.append(weights * self._turn_counts, prior), turns, self._values[:, 2:])[:, 0]
        fixed = np.flatnonzero(self._known | self._held_shift)
        free = np.setdiff1d(np.arange(self._count), fixed)
        stage = _turned(self._stage, -angles)
        stage[self._known] = self._values[self._known, :2]
        found = _turned(self._shifts, -angles[self._lower])
        steps = np.concatenate([found, _turned(np.diff(self._stage, axis=0), -angles[1:])])
        shifts = solved(np.append(weights * self._shift_counts, prior), steps, stage)
        return np.column_stack((shifts, angles))

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
        turn, shift = turn * self._turn_counts, shift * self._shift_counts[:, None]
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


def _pose(unknowns: NDArray[np.float64], center: tuple[float, float]) -> Affine2D:
    (shift,) = _turned(unknowns[None, :2], unknowns[2:])
    return Affine2D.rigid(float(np.rad2deg(unknowns[2])), shift.tolist(), center)


def _support(
    slice_id: int,
    pairs: Sequence[PairMotion],
    verdicts: Mapping[tuple[int, int], PairVerdict],
    settings: StackSettings,
) -> tuple[PoseSource, float]:
    """Where the pose of a slice comes from, and the greatest final weight of its pairs."""
    wanted = settings.pose_from_of(slice_id)
    if wanted == "stage":
        return "stage", 0.0
    touching = [p for p in pairs if slice_id in (p.fixed_id, p.moving_id)]
    counting = {p: w for p in touching if (w := verdicts[p.fixed_id, p.moving_id].weight) > 0}
    if not counting:
        return "prior", 0.0
    source: PoseSource = "pairwise" if any(p.role == "neighbours" for p in counting) else "bridge"
    if any(p.by_hand and p.moving_id == slice_id for p in counting):
        source = "manual"
    return source if wanted == "registration" else wanted, min(1.0, max(counting.values()))
