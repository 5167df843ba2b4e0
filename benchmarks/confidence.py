"""What the confidence of a pair is worth: of the pairs of each confidence, how many are right?

    python benchmarks/confidence.py [--reference VOLUME.npz ...] [--pairs 20] [--noises clean L4 L1]
        [--seed 0] [--figure reliability.svg]

Simulated pairs of several kinds: neighbours that drifted little or much, planes 2, 4 and 8 times as far
apart, unrelated planes (1.5 mm apart), blank (agarose only), half out of view, mirrored; clean, and in
fully developed speckle of 4 looks and of one. Right is a motion within 1 px of the working grid of the
true one (RMS over tissue; about 250 px of that grid lie along the shorter side), for planes that show the
same tissue. Prints the confidence of each kind, the area under the ROC curve, and the reliability: for
every range of confidence the pairs in it, their mean confidence, the share that is right, and the median
error. `--figure` draws the reliability of each volume.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import rankdata

from schemas.settings import PairwiseSettings
from soct_core.affine import Affine2D, plane_center
from soct_core.arrays import Sliceable, Zyx
from soct_core.pairwise.register import Pair, register_slices
from soct_core.planes.warp import coverage, warp
from soct_core.registration.likeness import displacement_rms
from soct_core.registration.working_plane import registration_plane
from soct_core.simulation.image_formation import speckle
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import open_reference

KINDS = (
    "good",
    "drifted",
    "2 cuts",
    "4 cuts",
    "8 cuts",
    "unrelated",
    "blank",
    "half out of view",
    "mirrored",
)
STEPS = {"2 cuts": 2, "4 cuts": 4, "8 cuts": 8}
LOOKS = {"clean": 0, "L4": 4, "L1": 1}
CUT_UM, FAR_UM = 200.0, 1500.0
RIGHT_PX = 1.0
"""Of the working grid."""
RANGES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
Plane = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """One pair and what became of it."""

    kind: str
    noise: str
    confidence: float
    error_px: float
    """Of the working grid."""


def trials(reference: Sliceable, size: Zyx, count: int, seed: int, noises: list[str]) -> Iterator[Trial]:
    """Simulate and register pairs of every kind."""
    rng = np.random.default_rng(seed)
    depth = reference.shape[0]
    step, far = max(1, round(CUT_UM / size[0])), max(9, round(FAR_UM / size[0]))
    far = max(far, 8 * step)
    for _ in range(count):
        z = int(rng.integers(depth // 5, max(depth // 5 + 1, 4 * depth // 5 - far)))
        for kind in KINDS:
            apart = far if kind == "unrelated" else step * STEPS.get(kind, 1)
            for noise in noises:
                fixed, moving, drift = _pair(kind, reference, z, min(z + apart, depth - 1), rng)
                if looks := LOOKS[noise]:
                    fixed, moving = (p * speckle(p.shape, looks, 0.7, rng) for p in (fixed, moving))
                yield _registered(kind, noise, fixed, moving, drift)


def _pair(
    kind: str, reference: Sliceable, z: int, below_z: int, rng: np.random.Generator
) -> tuple[Plane, Plane, Affine2D]:
    fixed = np.asarray(reference[z]).astype(np.float64)
    shape = fixed.shape[0], fixed.shape[1]
    below = np.asarray(reference[below_z]).astype(np.float64)
    agarose = float(np.percentile(fixed, 2))
    strength = {"good": 0.2, "drifted": 1.0}.get(kind, 0.5)
    turn, shift = 3 * strength * rng.uniform(-1, 1), 10 * strength * rng.uniform(-1, 1, 2)
    drift = Affine2D.rigid(turn, shift.tolist(), plane_center(shape))
    back = drift.inverse()
    moving = np.where(coverage(shape, back), warp(below, back), agarose)
    if kind == "half out of view":
        moving[:, : shape[1] // 2] = agarose
    if kind == "mirrored":
        moving = np.ascontiguousarray(np.flip(moving, int(rng.integers(2))))
    if kind == "blank":
        moving = rng.normal(agarose + 50, 10, shape)
    return fixed, np.clip(moving, 0, None), drift


def _registered(kind: str, noise: str, fixed: Plane, moving: Plane, drift: Affine2D) -> Trial:
    # The sides of a voxel of one plane matter to nothing here but that they are equal.
    settings = PairwiseSettings(anatomy_span_um=0.0)
    transform, metrics = register_slices(
        fixed[None], moving[None], Pair(0, 1, 1.0), (50.0, 50.0, 50.0), settings
    )
    error = np.inf
    if transform is not None:
        found = Affine2D.of(transform.matrix, transform.translation, transform.center)
        tissue = registration_plane(fixed, 1).tissue
        error = displacement_rms(drift.inverse().compose(found), tissue) / registration_plane(fixed).factor
    # Two planes that show different things have no true pose, however near the guess.
    if kind in ("unrelated", "blank", "mirrored"):
        error = np.inf
    return Trial(kind, noise, metrics.registration_confidence, float(error))


def area_under_curve(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Chance that a true one scores above a false one (Mann-Whitney); ties count half."""
    ranks = rankdata(scores)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return float("nan")
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


@dataclass(frozen=True)
class Range:
    """The pairs of a range of confidence."""

    first: float
    last: float
    pairs: int
    confidence: float
    """Mean."""
    right: float
    """Share."""
    error_px: float
    """Median."""


def reliability(found: list[Trial]) -> list[Range]:
    """What became of the pairs of every range of confidence that has some."""
    scores, errors = (np.array([getattr(t, name) for t in found]) for name in ("confidence", "error_px"))
    ranges = []
    for first, last in pairwise(RANGES):
        inside = (scores >= first) & ((scores < last) | (last == RANGES[-1]))
        if inside.any():
            some = errors[inside]
            mean, right = float(scores[inside].mean()), float((some < RIGHT_PX).mean())
            ranges.append(Range(first, last, int(inside.sum()), mean, right, float(np.median(some))))
    return ranges


def report(name: str, found: list[Trial]) -> list[Range]:
    print(f"{name}: {len(found)} pairs")
    for kind in KINDS:
        for noise in LOOKS:
            same = [t for t in found if t.kind == kind and t.noise == noise]
            if not same:
                continue
            confidences = np.array([t.confidence for t in same])
            right = np.mean([t.error_px < RIGHT_PX for t in same])
            print(
                f"  {kind:>17} {noise:<5}: confidence median "
                f"{np.median(confidences):.2f}, from {confidences.min():.2f} to {confidences.max():.2f}; "
                f"{right:.0%} within {RIGHT_PX:g} px"
            )
    scores = np.array([t.confidence for t in found])
    truth = np.array([t.error_px < RIGHT_PX for t in found])
    print(f"  area under the ROC curve: {area_under_curve(scores, truth):.3f}")
    ranges = reliability(found)
    for one in ranges:
        print(
            f"  confidence {one.first:.1f} to {one.last:.1f}: {one.pairs:4d} pairs, "
            f"mean {one.confidence:.2f}, "
            f"{one.right:.0%} right, median error {one.error_px:.2f} px"
        )
    return ranges


def draw(path: Path, by_name: dict[str, list[Range]]) -> None:
    """The share of right pairs against their confidence."""
    figure = Figure(figsize=(5, 4.5), layout="constrained")
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="#777777", linestyle=":", label="as said")
    for name, ranges in by_name.items():
        axis.plot([r.confidence for r in ranges], [r.right for r in ranges], marker="o", label=name)
    axis.set_xlabel("confidence")
    axis.set_ylabel(f"share of pairs within {RIGHT_PX:g} px")
    axis.legend()
    figure.savefig(path)


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--reference", type=Path, nargs="*", default=[])
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--noises", nargs="+", choices=list(LOOKS), default=list(LOOKS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figure", type=Path)
    arguments = parser.parse_args()
    size = (25.0, 25.0, 25.0)
    volumes: dict[str, tuple[Sliceable, Zyx]] = {
        "phantom": (PhantomVolume(Phantom.seeded(4), (300, 240, 280), size), size)
    }
    volumes |= {path.name: open_reference(path) for path in arguments.reference}
    everything: list[Trial] = []
    by_name: dict[str, list[Range]] = {}
    for name, (reference, voxel) in volumes.items():
        found = list(trials(reference, voxel, arguments.pairs, arguments.seed, arguments.noises))
        by_name[name] = report(name, found)
        everything += found
    if len(volumes) > 1:
        by_name["all"] = report("all volumes", everything)
    if arguments.figure:
        draw(arguments.figure, by_name)


if __name__ == "__main__":
    main()
