"""CPU seconds of a registration, of a pair of slices and of a gap, beside another commit in the same run.

    python benchmarks/pair_cost.py [--side 1024] [--repeats 5] [--before CHECKOUT]

The slices are of a phantom under speckle of 4 looks, drifting by 1.5 degrees and 7 px at the cut, read from
files. Every run is a process of its own: imports and a first call are apart, then the median of three calls
counts. Runs of the two commits take turns. A registration is of two planes that are ready to be compared; a
pair is what `register_slices` does; a gap is `interpolate_z_morph` at default settings, in memory.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
STEPS = ("registration", "pair", "gap")
VOXEL = (10.0, 8.0, 8.0)
_PLANES = 24
_CUT_PLANES = 20
# Where a function lies today, and where it lay in older checkouts.
_HOMES = {
    "open_volume": ("soct_core.volume",),
    "registration_plane": ("soct_core.registration.working_plane", "soct_core.registration_plane"),
    "register": ("soct_core.registration.register", "soct_core.elastix"),
    "register_slices": ("soct_core.pairwise.register", "soct_core.pairwise"),
    "Pair": ("soct_core.pairwise.register", "soct_core.pairwise"),
    "interpolate_z_morph": ("soct_core.zmorph",),
    "unpacked_once": ("soct_core.volume.chunk_cache",),
}


def found(name: str, otherwise: Callable[..., Any] | None = None) -> Any:
    """A function of the checkout that runs, or what stands in for it where there was none yet."""
    for home in _HOMES[name]:
        try:
            return getattr(importlib.import_module(home), name)
        except (ImportError, AttributeError):
            continue
    if otherwise is None:
        raise SystemExit(f"{name}: in none of {_HOMES[name]}")
    return otherwise


def calls(folder: Path) -> dict[str, Callable[[], Any]]:
    """What is timed."""
    from schemas.settings import InterpolationSettings, PairwiseSettings

    paths = [folder / f"{name}.ome.zarr" for name in ("before", "gone", "after")]
    before, gone, after = map(found("open_volume"), paths)
    unpacked_once = found("unpacked_once", lambda *volumes: volumes)
    fixed, moving = (found("registration_plane")(volume[12:15]) for volume in (before, gone))
    pair = found("Pair")(0, 1, float(_CUT_PLANES))
    register = found("register")
    # An older checkout takes a metric there, and has one that is its default.
    choice = (InterpolationSettings(),) if "choice" in inspect.signature(register).parameters else ()
    return {
        "registration": lambda: register(fixed, moving, "affine", *choice),
        # Nothing stays unpacked from call to call.
        "pair": lambda: found("register_slices")(
            *unpacked_once(before, gone), pair, VOXEL, PairwiseSettings()
        ),
        "gap": lambda: found("interpolate_z_morph")(*unpacked_once(before, after), InterpolationSettings()),
    }


def measure(folder: Path) -> dict[str, float]:
    """CPU seconds of each step in this process."""
    costs = {}
    for step, call in calls(folder).items():
        call()
        spent = []
        for _ in range(3):
            started = time.process_time()
            result = call()
            spent.append(time.process_time() - started)
        if step == "gap" and result[0] is None:
            raise SystemExit(f"the gap was refused: {result[1].fallback_reason}, {result[1].detail}")
        costs[step] = statistics.median(spent)
    return costs


def make(folder: Path, side: int) -> None:
    """Three slices, one behind the other, of which the middle one is taken for lost by the gap."""
    import numpy as np

    from soct_core.affine import Affine2D, plane_center
    from soct_core.planes.warp import warp
    from soct_core.simulation.image_formation import speckle
    from soct_core.simulation.phantom import Phantom, PhantomVolume
    from soct_core.volume.writing import write_image

    rng = np.random.default_rng(1)
    specimen = PhantomVolume(Phantom.seeded(7), (240, side, side), VOXEL)
    for i, name in enumerate(("before", "gone", "after")):
        drift = Affine2D.rigid(1.5 * i, (6.0 * i, -4.0 * i), plane_center((side, side)))
        planes = [
            warp(specimen[80 + _CUT_PLANES * i + z].astype(np.float32), drift)
            * speckle((side, side), 4, 0.7, rng).astype(np.float32)
            for z in range(_PLANES)
        ]
        write_image(folder / f"{name}.ome.zarr", np.stack(planes), VOXEL)


def of_checkout(checkout: Path, folder: Path) -> dict[str, float]:
    """One run, by the code of a checkout."""
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    command = [sys.executable, str(Path(__file__).resolve()), "--run", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment, cwd=folder)
    costs: dict[str, float] = json.loads(done.stdout)
    return costs


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--before", type=Path, help="another checkout of this repository")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(measure(arguments.run)))
        return
    checkouts = {"now": HERE} | ({"before": arguments.before.resolve()} if arguments.before else {})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, arguments.side)
        rounds = [
            {label: of_checkout(path, folder) for label, path in checkouts.items()}
            for _ in range(arguments.repeats)
        ]
    print(f"{'':>8} {'step':>14} {'CPU s':>7} {'range':>16}")
    for label in checkouts:
        for step in STEPS:
            spent = [costs[label][step] for costs in rounds]
            spread = f"{min(spent):.3f} to {max(spent):.3f}"
            print(f"{label:>8} {step:>14} {statistics.median(spent):>7.3f} {spread:>16}")


if __name__ == "__main__":
    main()
