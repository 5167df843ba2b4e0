"""How well, and at what cost, the same plane is found again after a known drift.

    python benchmarks/registration.py [--reference VOLUME.npz] [--pairs 40] [--out benchmarks/results]

Planes of a phantom, and of a real volume enlarged to about 1000 pixels, drift by up to 3 degrees,
10 px, 3 % scale and 2 % shear. Half of the pairs are clean; half are slabs of 3 planes, as zmorph
registers them, each plane with a speckle of its own of 4 looks: what no method can undo then, is
lost. The error is the RMS displacement over tissue between the drift found and the true one. CPU
seconds are of one pair, imports apart, the reduction to the working grid included.
"""

from __future__ import annotations

import argparse
import csv
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D, plane_center
from soct_core.planes.warp import coverage, warp
from soct_core.registration.likeness import displacement_rms
from soct_core.registration.register import register
from soct_core.registration.working_plane import registration_plane
from soct_core.simulation.image_formation import speckle
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import open_reference

SIDE_PX = 1000
SLAB_PLANES = 3
METHODS = {
    "default": InterpolationSettings(),
    "refined by MI": InterpolationSettings(registration_metric="MI"),
    "ecc": InterpolationSettings(registration_engine="ecc"),
    "elastix": InterpolationSettings(registration_engine="elastix"),
}
Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """One pair, registered by one method; errors in pixels of about 1000 across."""

    source: str
    index: int
    looks: int
    method: str
    error_px: float
    drift_px: float
    cpu_s: float


def phantom_plane(rng: np.random.Generator) -> Plane:
    """A plane of a brain that no other pair shows."""
    depth = 400
    size = (depth, SIDE_PX, SIDE_PX)
    volume = PhantomVolume(Phantom.seeded(int(rng.integers(1 << 31))), size, (20.0, 6.5, 6.5))
    return volume[int(rng.integers(depth))].astype(np.float32)


def real_plane(path: Path, rng: np.random.Generator) -> Plane:
    """A plane of the volume, cut along any axis, enlarged."""
    volume, _ = open_reference(path)
    planes = np.moveaxis(np.asarray(volume), int(rng.integers(3)), 0)
    plane = planes[int(len(planes) * rng.uniform(0.25, 0.75))].astype(np.float32)
    enlarged: Plane = ndimage.zoom(plane, SIDE_PX / min(plane.shape), order=3)
    return np.maximum(enlarged, 0)


def random_drift(shape: tuple[int, int], rng: np.random.Generator) -> Affine2D:
    """Up to 3 degrees, 10 px, 3 % scale and 2 % shear."""
    turn = np.array(Affine2D.rigid(rng.uniform(-3, 3), (0, 0)).matrix)
    stretch = np.diag(1 + rng.uniform(-0.03, 0.03, 2)) @ np.array([[1, rng.uniform(-0.02, 0.02)], [0, 1]])
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(0, 10)
    shift = (length * np.cos(angle), length * np.sin(angle))
    return Affine2D.of(turn @ stretch, shift, plane_center(shape))


def drifted(plane: Plane, looks: int, rng: np.random.Generator) -> tuple[Plane, Plane, Affine2D]:
    """Fixed and moving, both imaged, and T with `moving(T(x)) ~ fixed(x)`."""
    shape = plane.shape[0], plane.shape[1]
    truth = random_drift(shape, rng)
    agarose = np.float32(np.percentile(plane, 2))
    fixed = np.where(coverage(shape, truth), warp(plane, truth), agarose)
    if not looks:
        return fixed, plane, truth
    fixed, moving = (_speckled_slab(image, looks, rng) for image in (fixed, plane))
    return fixed, moving, truth


def _speckled_slab(plane: Plane, looks: int, rng: np.random.Generator) -> Plane:
    grains = [speckle(plane.shape, looks, 0.7, rng) for _ in range(SLAB_PLANES)]
    slab: Plane = (plane * np.mean(grains, axis=0)).astype(np.float32)
    return slab


def measured(source: str, index: int, reference: Path | None) -> list[Pair]:
    """One pair, by every method."""
    rng = np.random.default_rng((index, reference is not None))
    plane = phantom_plane(rng) if reference is None else real_plane(reference, rng)
    looks = 4 * (index % 2)
    fixed, moving, truth = drifted(plane, looks, rng)
    tissue = registration_plane(fixed, 1).tissue
    found = []
    for method, choice in METHODS.items():
        started = time.process_time()
        motion = register(registration_plane(fixed), registration_plane(moving), "affine", choice).motion
        spent = time.process_time() - started
        error = displacement_rms(truth.inverse().compose(motion), tissue)
        drift = displacement_rms(truth, tissue)
        found.append(Pair(source, index, looks, method, error, drift, spent))
    return found


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    measured("warm up: imports are apart", 0, None)
    sources = {"phantom": None} | ({"real": arguments.reference} if arguments.reference else {})
    pairs = [
        pair
        for source, reference in sources.items()
        for index in range(arguments.pairs)
        for pair in measured(source, index, reference)
    ]
    arguments.out.mkdir(parents=True, exist_ok=True)
    with (arguments.out / "registration.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(pairs[0])))
        writer.writeheader()
        writer.writerows(asdict(pair) for pair in pairs)
    print(f"{'planes':>16} {'method':>14} {'median px':>10} {'worst px':>9} {'> 0.5 px':>9} {'CPU s':>6}")
    for source in sources:
        for looks in (0, 4):
            for method in METHODS:
                chosen = [p for p in pairs if (p.source, p.looks, p.method) == (source, looks, method)]
                print(f"{source + (', speckle' if looks else ', clean'):>16} {method:>14} {_row(chosen)}")
    for method in METHODS:
        print(f"{'all':>16} {method:>14} {_row([pair for pair in pairs if pair.method == method])}")


def _row(pairs: list[Pair]) -> str:
    errors = np.array([pair.error_px for pair in pairs])
    cpu = np.median([pair.cpu_s for pair in pairs])
    beyond = f"{(errors > 0.5).sum()} of {len(errors)}"
    return f"{np.median(errors):>10.3f} {errors.max():>9.3f} {beyond:>9} {cpu:>6.2f}"


if __name__ == "__main__":
    main()
