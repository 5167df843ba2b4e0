"""What the stack costs: memory that does not grow with the brain, and CPU beside a plain copy.

    python benchmarks/stack_cost.py [--slices 4 16 64] [--planes 60] [--side 768]

Every figure is of a process of its own. The copy reads the same slices slab by slab and writes
them, one behind the other, with the same codec, chunks and pyramid.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from schemas.settings import StackSettings
from soct_core.affine import Affine2D, plane_center
from soct_core.simulation.image_formation import speckle
from soct_core.stacking.blending import VolumePlan, canvas_of
from soct_core.stacking.parts import stack_volume
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.volume import open_volume
from soct_core.volume.writing import ImageSpec, image_writer

VOXEL = (10.0, 10.0, 10.0)
MODES = ("copy", "identity", "rotated")


def make_slice(path: Path, planes: int, side: int) -> None:
    """One slice of speckled tissue; all slices share it, so that disks stay small."""
    rng = np.random.default_rng(0)
    y, x = (np.linspace(-1, 1, side)[:, None], np.linspace(-1, 1, side)[None, :])
    tissue = np.where(np.hypot(y, x) < 0.8, 1.0, 0.1)
    with image_writer(path, ImageSpec((planes, side, side), np.dtype(np.float32), VOXEL)) as (image, _):
        for _ in range(planes):
            image.append((tissue * speckle((side, side), 4, 0.7, rng)).astype(np.float32))


def run(mode: str, source: Path, count: int, out: Path) -> None:
    """Stack, or copy, `count` slices."""
    volume = open_volume(source)
    planes, side, _ = volume.shape
    if mode == "copy":
        spec = ImageSpec((count * planes, side, side), volume.dtype, VOXEL)
        with image_writer(out, spec) as (image, _):
            for _ in range(count):
                for z in range(0, planes, volume.chunks[0]):
                    image.append(volume[z : z + volume.chunks[0]])
        return

    def turned(i: int) -> Affine2D:
        return Affine2D.rigid(0.5 * (-1) ** i, (1.3, -0.7), plane_center((side, side)))

    layers = [
        PlacedSlice(
            i,
            open_volume(source),
            "measured",
            i * planes,
            planes,
            turned(i) if mode == "rotated" else Affine2D.identity(),
        )
        for i in range(count)
    ]
    plan = VolumePlan(layers, count * planes, VOXEL, canvas_of(layers))
    stack_volume(plan, StackSettings(), out)


def measured(mode: str, source: Path, count: int) -> dict[str, float]:
    """CPU seconds and peak memory of one mode in a process of its own."""
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        command = [sys.executable, __file__, "--run", mode, str(source), str(count), f"{folder}/out.ome.zarr"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def report(mode: str, source: Path, count: int, out: Path) -> None:
    """Run in this process and print what it cost, imports apart."""
    start = resource.getrusage(resource.RUSAGE_SELF)
    run(mode, source, count, out)
    end = resource.getrusage(resource.RUSAGE_SELF)
    cpu = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
    print(json.dumps({"cpu_s": cpu, "peak_mb": end.ru_maxrss / 1024}))


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--slices", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--planes", type=int, default=60)
    parser.add_argument("--side", type=int, default=768)
    parser.add_argument("--run", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        mode, source, count, out = arguments.run
        report(mode, Path(source), int(count), Path(out))
        return
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "slice.ome.zarr"
        make_slice(source, arguments.planes, arguments.side)
        print(f"slices of {arguments.planes}x{arguments.side}x{arguments.side} float32")
        print(f"{'slices':>7} {'mode':>9} {'cpu s':>8} {'x copy':>7} {'peak MB':>8}")
        for count in arguments.slices:
            copy = 1.0
            for mode in MODES:
                cost = measured(mode, source, count)
                copy = cost["cpu_s"] if mode == "copy" else copy
                ratio = cost["cpu_s"] / copy
                print(f"{count:>7} {mode:>9} {cost['cpu_s']:>8.2f} {ratio:>7.2f} {cost['peak_mb']:>8.0f}")


if __name__ == "__main__":
    main()
