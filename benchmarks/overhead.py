"""What the flow costs over a plain loop: many small slices or a few large ones, once, and with nothing new.

    python benchmarks/overhead.py [--slices 50] [--shape 16 256 256] [--runner processes]

The loop calls the stages of `soct_core` one after the other in one process, without Prefect, cache
or checksums. The flow is `python -m flows.reconstruct` as a user runs it: interpreter, embedded server
and all, checksums, previews of gaps and the report included.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.settings import ReconstructSettings
from schemas.simulation import SimulationSettings
from soct_core.run.plan import Planner
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import simulate
from soct_core.stages import (
    detect_gaps,
    finalise_interpolation,
    interpolate_missing_slice,
    register_pair,
    stack,
)

INTERVAL_UM, WIDTH_UM = 200.0, 6400.0
_PHANTOM_PX = 256
"""Larger planes are enlarged from so many pixels: a phantom takes a second for a megapixel."""


class Enlarged:
    """A phantom whose planes are enlarged, uint16."""

    def __init__(self, shape: tuple[int, int, int], voxel_size_um: tuple[float, float, float]) -> None:
        self.shape, self.dtype, self.voxel_size_um = shape, np.dtype(np.uint16), voxel_size_um
        coarser = max(1, min(shape[1:]) // _PHANTOM_PX)
        small = shape[0], shape[1] // coarser, shape[2] // coarser
        z, y, x = voxel_size_um
        self._small = PhantomVolume(Phantom.seeded(0), small, (z, y * coarser, x * coarser))

    def __getitem__(self, index: int | slice) -> NDArray[np.uint16]:
        if isinstance(index, slice):
            return np.stack([self[z] for z in range(*index.indices(self.shape[0]))])
        return np.asarray(cv2.resize(self._small[index], self.shape[:0:-1]), np.uint16)


def make(acquisition: Path, slices: int, shape: tuple[int, int, int]) -> None:
    """Slices of uint16, one of ten missing."""
    planes, height, width = shape
    voxel = INTERVAL_UM / planes, *(WIDTH_UM / min(height, width),) * 2
    reference = Enlarged((slices * planes, height, width), voxel)
    missing = tuple(range(5, slices - 1, 10))
    settings = SimulationSettings(slices=slices, missing=missing, drift_deg=0.5, drift_px=2.0)
    simulate(reference, voxel, settings, acquisition, "phantom")


def loop(acquisition: Path, output: Path) -> None:
    """The stages, called."""
    planner = Planner.of(acquisition, output, ReconstructSettings(), None, False)
    found = detect_gaps.run(planner.detect_gaps_job())
    planner.use(found)
    filled = [interpolate_missing_slice.run(job) for _, job in planner.interpolation_jobs(found)]
    trail = finalise_interpolation.run(planner.finalise_job(found, filled))
    pairs = [register_pair.run(job) for _, job in planner.pair_jobs(filled)]
    stack.run(planner.stack_job(trail.path, filled, pairs))


def timed(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall and CPU seconds of a command and all its children."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--slices", type=int, default=50)
    parser.add_argument("--shape", type=int, nargs=3, default=[16, 256, 256], help="of a slice, z y x")
    parser.add_argument("--runner", default="processes")
    parser.add_argument("--loop", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.loop:
        loop(*arguments.loop)
        return
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        depth, height, width = arguments.shape
        make(base / "many", arguments.slices, (depth, height, width))
        make(base / "few", 3, (16, 256, 256))
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        environment = os.environ | threads | {"PREFECT_HOME": str(base / "prefect")}
        flow = [sys.executable, "-m", "flows.reconstruct", "--runner", arguments.runner, "--quiet"]
        few, many = str(base / "few"), str(base / "many")
        # Prefect's database is made once.
        timed([*flow, few], environment)
        plain = [sys.executable, __file__, "--loop", many, str(base / "plain")]
        rows = {
            "flow, three small slices": timed([*flow, few, "--fresh"], environment),
            "plain loop": timed(plain, environment),
            f"flow, {arguments.runner}": timed([*flow, many], environment),
            "flow again, nothing new": timed([*flow, many], environment),
        }
    print(f"{arguments.slices} slices of {depth}x{height}x{width} on {os.cpu_count()} cores")
    print(f"{'':>26} {'wall s':>8} {'over':>9} {'CPU s':>8} {'over':>9}")
    base_wall, base_cpu = rows["plain loop"]
    for name, (wall, cpu) in rows.items():
        over = ("", "")
        if name.startswith("flow") and "three" not in name:
            over = f"{wall - base_wall:+.1f} s", f"{cpu - base_cpu:+.1f} s"
        print(f"{name:>26} {wall:>8.1f} {over[0]:>9} {cpu:>8.1f} {over[1]:>9}")


if __name__ == "__main__":
    main()
