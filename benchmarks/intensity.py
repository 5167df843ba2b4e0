"""How much jitter of brightness `stack.match_intensity` takes out, and what it does to anatomy.

    python benchmarks/intensity.py [--reference VOLUME.npz ...] [--seeds 3]

Cuts a phantom (and volumes, if given) into slices of about 10 planes or 0.5 mm without any drift, multiplies
each by a gain of up to 30 % to either side, and prints what is left of the jitter's variance and of its
amplitude (the root of it), the factors beside 1 where there was no jitter, and the same where the source
doubles in brightness from top to bottom.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from soct_core.affine import Affine2D
from soct_core.arrays import Zyx
from soct_core.simulation.image_formation import speckle
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import open_reference
from soct_core.stacking.blending import canvas_of
from soct_core.stacking.inputs import Assembled
from soct_core.stacking.intensity import MatchedIntensity, match_intensity
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.stacking.poses import PairVerdict, SolvedPose

JITTER = 0.3
Volume = NDArray[np.float32]


@dataclass(frozen=True)
class Imaging:
    """What is done to the slices beside the gain."""

    name: str
    attenuation: float = 0.0
    """Logarithm of the signal lost over a slot."""
    looks: float = 0.0
    """Of speckle; 0 for none."""
    overlap: int = 0
    """Planes imaged below the slot."""
    every_lost: int = 0
    """One slice of so many is missing; 0 for none."""


IMAGINGS = (
    Imaging("clean"),
    Imaging("attenuated to half", attenuation=0.7),
    Imaging("speckle, 4 looks", looks=4.0),
    Imaging("one slice of 5 lost", every_lost=5),
    Imaging("overlap", overlap=3),
)


def slices_of(volume: Volume, depth: int, gains: NDArray[np.float64], how: Imaging) -> list[PlacedSlice]:
    """The slices that hold anything."""
    rng = np.random.default_rng(1)
    found = []
    for i, gain in enumerate(gains):
        block = volume[i * depth : (i + 1) * depth + how.overlap]
        if (how.every_lost and i % how.every_lost == how.every_lost - 1) or not block.any():
            continue
        fall = np.exp(-how.attenuation * np.arange(len(block)) / depth)
        imaged = block * (gain * fall)[:, None, None]
        if how.looks:
            imaged = np.stack([plane * speckle(plane.shape, how.looks, 0.7, rng) for plane in imaged])
        still = Affine2D.identity()
        found.append(PlacedSlice(i, imaged.astype(np.float32), "measured", i * depth, depth, still))
    return found


def matched(slices: list[PlacedSlice], size: Zyx, depth: int) -> MatchedIntensity:
    """Their factors, every pair being trusted."""
    ids = [placed.slice_id for placed in slices]
    poses = {i: SolvedPose(Affine2D.identity(), "pairwise", 1.0) for i in ids}
    verdicts = {pair: PairVerdict(1.0, 0.0, True) for pair in pairwise(ids)}
    given = Assembled(tuple(slices), poses, verdicts, 0, {})
    return match_intensity(given, canvas_of(slices), size, float(depth))


def logs(
    volume: Volume, size: Zyx, depth: int, gains: NDArray[np.float64], how: Imaging
) -> NDArray[np.float64]:
    """(2, n): logarithm of the brightness of each slice that some cut joined, as imaged and matched."""
    slices = slices_of(volume, depth, gains, how)
    found = matched(slices, size, depth)
    parted = {cut.lower_id for cut in found.unmatched} & {cut.upper_id for cut in found.unmatched}
    ids = [placed.slice_id for placed in slices if placed.slice_id not in parted]
    before = np.log(gains[ids])
    after = before + np.log([found.factors[i] for i in ids])
    return np.stack([before - before.mean(), after - after.mean()])


def evaluate(name: str, volume: Volume, size: Zyx, seeds: int) -> None:
    """One line for each way of imaging."""
    depth = max(3, min(10, round(500 / size[0])))
    count = len(volume) // depth
    doubled = volume * 2 ** np.linspace(0, 1, len(volume), dtype=np.float32)[:, None, None]
    print(f"{name}: {count} slices of {depth} planes, {depth * size[0]:.0f} µm")
    for how in IMAGINGS:
        shares = []
        for seed in range(seeds):
            gains = 1 + JITTER * np.random.default_rng(seed).uniform(-1, 1, count)
            before, after = logs(volume, size, depth, gains, how)
            shares.append(after.var() / before.var())
        still = [np.abs(logs(v, size, depth, np.ones(count), how)[1]).max() for v in (volume, doubled)]
        share = float(np.mean(shares))
        print(
            f"  {how.name:>20}: left of the variance {share:.3f}, of the amplitude {share**0.5:.2f}; "
            f"without jitter off 1 by {still[0]:.3f} at most, doubling {still[1]:.3f}",
            flush=True,
        )


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--reference", type=Path, nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    size = (20.0, 25.0, 25.0)
    phantom = PhantomVolume(Phantom.seeded(2), (200, 160, 180), size)
    evaluate("phantom", np.asarray(phantom[:], np.float32), size, arguments.seeds)
    for path in arguments.reference:
        volume, voxel = open_reference(path)
        evaluate(path.stem, np.asarray(volume[:], np.float32), voxel, arguments.seeds)


if __name__ == "__main__":
    main()
