"""How well poses are found: per slice, up to one motion of the whole volume, against known drift.

    python benchmarks/poses.py [--reference VOLUME.npz] [--slices 30] [--phantoms 2 3 5]
    python benchmarks/poses.py --reference VOLUME.npz --slices 20 --seeds 10 [--axes 0 1] [--coarser 2]

Cuts phantoms (and a real volume, if given) with known drift, three single gaps, two sabotaged
pairs, and prints the error of each slice's pose in pixels of the slice, RMS over tissue. With
`--seeds`, the volume alone, cut along some of its axes with default settings, 4 gaps, 1 degree and
3 px of drift a cut, once for each seed: the worst slice of each. With `--still` nothing moves, so that all
that is found is anatomy that looks like a motion: no registration of images can tell the two apart.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from schemas.settings import PairwiseSettings, ReconstructSettings, StackSettings
from schemas.simulation import SimulationSettings
from soct_core.affine import Affine2D, plane_center
from soct_core.arrays import Sliceable, Zyx
from soct_core.pairwise.files import read_pair, write_pair
from soct_core.pairwise.pairs import pairs_to_register
from soct_core.pairwise.register import Pair, register_slices
from soct_core.registration.working_plane import registration_plane
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.pose_error import pose_errors
from soct_core.simulation.simulate import open_reference, pose_of, simulate
from soct_core.stacking.pair_motions import pair_motions
from soct_core.stacking.poses import PairMotion, SolvedPose, solve_poses
from soct_core.volume import open_volume

SABOTAGE = ((6.0, 2.0), (40.0, -3.0))
"""Shift in pixels and turn in degrees that two pairs are falsified by."""


WANTED_PX = 0.5


def registered(folder: Path, ids: list[int], size: Zyx, settings: ReconstructSettings) -> list[Path]:
    """Register all pairs between measured slices, files and all."""
    volumes = {i: open_volume(folder / f"slice_z{i:02d}.ome.zarr") for i in ids}
    interval = settings.slicing_interval_um / size[0]
    places = []
    for planned in pairs_to_register(ids, (), ()):
        above, below = planned.fixed_id, planned.moving_id
        pair = Pair(above, below, (below - above) * interval, planned.role)
        found = register_slices(volumes[above], volumes[below], pair, size, PairwiseSettings())
        places.append(folder / "pairs" / f"{above}-{below}")
        write_pair(places[-1], *found)
    return places


def sabotaged(pairs: list[PairMotion], seed: int) -> tuple[list[PairMotion], set[tuple[int, int]]]:
    """Falsify two pairs of neighbours."""
    rng = np.random.default_rng(seed)
    steering = [k for k, p in enumerate(pairs) if p.role != "check" and p.weight > 0]
    broken = list(pairs)
    chosen = rng.choice(steering[2:-2], len(SABOTAGE), replace=False)
    for k, (shift, turn) in zip(chosen, SABOTAGE, strict=True):
        wrong = Affine2D.rigid(turn, (shift, 0.0), pairs[k].motion.center)
        broken[k] = replace(pairs[k], motion=wrong.compose(pairs[k].motion))
    return broken, {(pairs[k].fixed_id, pairs[k].moving_id) for k in chosen}


def grown(
    ids: list[int], pairs: list[PairMotion], center: tuple[float, float], new: int
) -> dict[int, SolvedPose]:
    """Poses of a volume that a schedule has grown from three slices: what is published is frozen."""
    poses: dict[int, SolvedPose] = {}
    for count in (*range(3, len(ids), new), len(ids)):
        there = ids[:count]
        among = [p for p in pairs if {p.fixed_id, p.moving_id} <= set(there)]
        poses, _ = solve_poses(there, among, center, StackSettings(), frozen=poses)
    return poses


def evaluate(name: str, reference: Sliceable, size: Zyx, slices: int, folder: Path) -> None:
    """Simulate, register, solve and print one table."""
    missing = tuple(slices * k // 4 for k in (1, 2, 3))
    settings = SimulationSettings(slices=slices, missing=missing, drift_deg=1, drift_px=5, seed=1)
    truth = simulate(reference, size, settings, folder, name)
    true = {s.slice_id: pose_of(s) for s in truth.slices if s.slice_id not in missing}
    places = registered(folder, sorted(true), size, ReconstructSettings())
    center = plane_center((reference.shape[1], reference.shape[2]))
    y, x = np.nonzero(registration_plane(np.asarray(reference[reference.shape[0] // 2]), 1).tissue)
    points = np.column_stack((x, y)).astype(float)[:: max(1, x.size // 400)]
    print(f"{name}: {slices} slices, {len(missing)} missing, drift up to 1 deg and 5 px a cut")
    still = pose_errors({i: Affine2D.identity(center) for i in true}, true, points)
    print(f"  {'not registered':>34}: {_figures(still)}")
    for label, subtract in (("anatomy not taken off", False), ("anatomy taken off", True)):
        pairs = pair_motions([read_pair(place) for place in places], subtract_anatomy=subtract)
        poses, _ = solve_poses(list(true), pairs, center, StackSettings())
        errors = pose_errors({i: p.pose for i, p in poses.items()}, true, points)
        print(f"  {label:>34}: {_figures(errors)}")
    for new in (1, 5):
        errors = pose_errors(
            {i: p.pose for i, p in grown(sorted(true), pairs, center, new).items()}, true, points
        )
        print(f"  {f'grown, {new} new slices a run':>34}: {_figures(errors)}")
    broken, wrong = sabotaged(pairs, seed=0)
    poses, verdicts = solve_poses(list(true), broken, center, StackSettings())
    errors = pose_errors({i: p.pose for i, p in poses.items()}, true, points)
    named = {pair for pair, verdict in verdicts.items() if not verdict.agrees}
    print(f"  {'two pairs sabotaged':>34}: {_figures(errors)}; wrong {sorted(wrong)}, named {sorted(named)}")


@dataclass(frozen=True)
class Seeds:
    """Which acquisitions are cut along an axis."""

    slices: int
    count: int
    missing: tuple[int, ...]
    drift_deg: float
    drift_px: float
    coarser: int

    def __str__(self) -> str:
        said = f"up to {self.drift_deg:g} deg and {self.drift_px:g} px a cut"
        return f"{self.slices} slices, {len(self.missing)} missing, {said}"


def over_seeds(reference: Sliceable, size: Zyx, axis: int, drawn: Seeds) -> None:
    """The worst slice of every seed, of a volume cut along one of its axes."""
    turned = np.moveaxis(np.asarray(reference), axis, 0)
    um = _turned(size, axis)
    height, width = (n // drawn.coarser * drawn.coarser for n in turned.shape[1:])
    blocks = turned[:, :height, :width].reshape(
        turned.shape[0], height // drawn.coarser, drawn.coarser, width // drawn.coarser, drawn.coarser
    )
    volume = blocks.mean(axis=(2, 4)).astype(np.float32)
    voxel = (float(um[0]), float(um[1]) * drawn.coarser, float(um[2]) * drawn.coarser)
    plane = registration_plane(volume[volume.shape[0] // 2], 1)
    y, x = np.nonzero(plane.tissue)
    points = np.column_stack((x, y)).astype(float)[:: max(1, x.size // 400)]
    center = plane_center((volume.shape[1], volume.shape[2]))
    worst = []
    for seed in range(drawn.count):
        settings = SimulationSettings(
            slices=drawn.slices,
            missing=drawn.missing,
            drift_deg=drawn.drift_deg,
            drift_px=drawn.drift_px,
            seed=seed,
        )
        with tempfile.TemporaryDirectory() as folder:
            truth = simulate(volume, voxel, settings, Path(folder), "seeds")
            true = {s.slice_id: pose_of(s) for s in truth.slices if s.slice_id not in drawn.missing}
            places = registered(Path(folder), sorted(true), voxel, ReconstructSettings())
            pairs = pair_motions([read_pair(place) for place in places])
        poses, _ = solve_poses(list(true), pairs, center, StackSettings())
        errors = pose_errors({i: p.pose for i, p in poses.items()}, true, points)
        worst.append(max(errors.values()))
        left_out = [(p.fixed_id, p.moving_id) for p in pairs if p.weight == 0]
        print(f"  axis {axis}, seed {seed}: {_figures(errors)}; pairs left out {left_out}", flush=True)
    within = sum(error <= WANTED_PX for error in worst)
    print(f"  axis {axis}: every slice within {WANTED_PX} px in {within} of {drawn.count} seeds")


def _turned(size: Zyx, axis: int) -> Zyx:
    rest = [size[k] for k in range(3) if k != axis]
    return (size[axis], rest[0], rest[1])


def _figures(errors: dict[int, float]) -> str:
    values = np.array(list(errors.values()))
    return f"mean {values.mean():.2f} px, median {np.median(values):.2f}, worst {values.max():.2f}"


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--slices", type=int, default=30)
    parser.add_argument("--phantoms", type=int, nargs="*", default=[2, 3, 5], help="their seeds")
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--axes", type=int, nargs="+", default=[0, 1], choices=[0, 1, 2])
    parser.add_argument("--coarser", type=int, default=1, help="pixels to average, where time is short")
    parser.add_argument("--still", action="store_true", help="with --seeds: nothing moves at the cuts")
    parser.add_argument("--whole", action="store_true", help="with --seeds: no slice is missing")
    arguments = parser.parse_args()
    if arguments.seeds:
        if arguments.reference is None:
            parser.error("--seeds needs --reference")
        volume, voxel = open_reference(arguments.reference)
        slices, moves = arguments.slices, not arguments.still
        drawn = Seeds(
            slices,
            arguments.seeds,
            () if arguments.whole else tuple(slices * k // 5 for k in (1, 2, 3, 4)),
            1.0 * moves,
            3.0 * moves,
            arguments.coarser,
        )
        print(f"{arguments.reference.name}: {drawn}")
        for axis in arguments.axes:
            over_seeds(volume, voxel, axis, drawn)
        return
    size = (20.0, 25.0, 25.0)
    with tempfile.TemporaryDirectory() as folder:
        for seed in arguments.phantoms:
            phantom = PhantomVolume(Phantom.seeded(seed), (arguments.slices * 10, 240, 280), size)
            evaluate(f"phantom {seed}", phantom, size, arguments.slices, Path(folder) / f"phantom_{seed}")
        if arguments.reference:
            reference, size = open_reference(arguments.reference)
            evaluate(arguments.reference.name, reference, size, arguments.slices, Path(folder) / "real")


if __name__ == "__main__":
    main()
