"""What the confidence of a pair is worth: does it tell poses off by less than 1 px from the rest?

    python benchmarks/confidence.py [--reference VOLUME.npz] [--pairs 20]

Simulated pairs of five kinds, clean and speckled: good (little drift), drifted, unrelated (planes
1.5 mm apart), blank (agarose only), half out of view (half of the plane was not imaged). Prints
the confidence of each kind and the area under the ROC curve for "pose error below 1 px".
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
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

KINDS = ("good", "drifted", "unrelated", "blank", "half out of view")
FAR_UM = 1500.0
Plane = NDArray[np.float64]


@dataclass(frozen=True)
class Trial:
    """One pair and what became of it."""

    kind: str
    speckled: bool
    confidence: float
    error_px: float


def trials(reference: Sliceable, size: Zyx, count: int, seed: int) -> Iterator[Trial]:
    """Simulate and register pairs of every kind."""
    rng = np.random.default_rng(seed)
    depth = reference.shape[0]
    step = max(1, round(50.0 / size[0]))
    far = round(FAR_UM / size[0])
    for _ in range(count):
        z = int(rng.integers(depth // 5, 4 * depth // 5 - far))
        for kind in KINDS:
            for looks in (0, 4):
                planes = _pair(kind, reference, z, step, far, rng)
                fixed, moving, drift = planes
                if looks:
                    fixed, moving = (p * speckle(p.shape, looks, 0.7, rng) for p in (fixed, moving))
                yield _registered(kind, bool(looks), fixed, moving, drift, size)


def _pair(
    kind: str, reference: Sliceable, z: int, step: int, far: int, rng: np.random.Generator
) -> tuple[Plane, Plane, Affine2D]:
    fixed = np.asarray(reference[z]).astype(np.float64)
    shape = fixed.shape[0], fixed.shape[1]
    below = np.asarray(reference[z + (far if kind == "unrelated" else step)]).astype(np.float64)
    agarose = float(np.percentile(fixed, 2))
    strength = {"good": 0.2, "drifted": 1.0}.get(kind, 0.5)
    turn, shift = 3 * strength * rng.uniform(-1, 1), 10 * strength * rng.uniform(-1, 1, 2)
    drift = Affine2D.rigid(turn, shift.tolist(), plane_center(shape))
    back = drift.inverse()
    moving = np.where(coverage(shape, back), warp(below, back), agarose)
    if kind == "half out of view":
        moving[:, : shape[1] // 2] = agarose
    if kind == "blank":
        moving = rng.normal(agarose + 50, 10, shape)
    return fixed, np.clip(moving, 0, None), drift


def _registered(kind: str, speckled: bool, fixed: Plane, moving: Plane, drift: Affine2D, size: Zyx) -> Trial:
    pair = Pair(0, 1, 1.0)
    transform, metrics = register_slices(fixed[None], moving[None], pair, size, PairwiseSettings())
    error = np.inf
    if transform is not None:
        found = Affine2D.of(transform.matrix, transform.translation, transform.center)
        tissue = registration_plane(fixed, 1).tissue
        error = displacement_rms(drift.inverse().compose(found), tissue)
    # Two planes that show different things have no true pose, however near the guess.
    if kind in ("unrelated", "blank"):
        error = np.inf
    return Trial(kind, speckled, metrics.registration_confidence, float(error))


def area_under_curve(scores: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Chance that a true one scores above a false one (Mann-Whitney); ties count half."""
    ranks = rankdata(scores)
    positives, negatives = int(truth.sum()), int((~truth).sum())
    if not positives or not negatives:
        return float("nan")
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def report(name: str, found: list[Trial]) -> None:
    print(f"{name}: {len(found)} pairs")
    for kind in KINDS:
        for speckled in (False, True):
            same = [t for t in found if t.kind == kind and t.speckled == speckled]
            confidences = np.array([t.confidence for t in same])
            right = np.mean([t.error_px < 1 for t in same])
            print(
                f"  {kind:>17}{' speckled' if speckled else ' clean':<9}: confidence median "
                f"{np.median(confidences):.2f}, from {confidences.min():.2f} to {confidences.max():.2f}; "
                f"{right:.0%} within 1 px"
            )
    scores = np.array([t.confidence for t in found])
    truth = np.array([t.error_px < 1 for t in found])
    print(f"  area under the ROC curve: {area_under_curve(scores, truth):.3f}")


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--pairs", type=int, default=10)
    arguments = parser.parse_args()
    size = (25.0, 25.0, 25.0)
    phantom = PhantomVolume(Phantom.seeded(4), (300, 240, 280), size)
    report("phantom", list(trials(phantom, size, arguments.pairs, 0)))
    if arguments.reference:
        reference, size = open_reference(arguments.reference)
        report(arguments.reference.name, list(trials(reference, size, arguments.pairs, 1)))


if __name__ == "__main__":
    main()
