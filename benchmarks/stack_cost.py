"""What the stack costs: CPU beside a plain copy, time in the kernel, memory, and two workers beside one.

    python benchmarks/stack_cost.py [--sides 1024 4096 8192] [--planes 40 16 8] [--slices 4] [--before DIR]

Every figure is of a process of its own, imports apart. The copy reads the same slices box by box and writes
them, one behind the other, into the same chunks, shards and levels with the same codec, labels included.
"files alone" reads the bytes of the same files, and writes those of the copy: what the kernel does
for that cannot be spared. With two workers, each writes every other part; one worker writes all; the start
of workers counts with both.
`--before` measures another checkout of this repository too, in the same run.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from schemas.settings import StackSettings
from soct_core.affine import Affine2D, plane_center
from soct_core.simulation.image_formation import speckle
from soct_core.stacking.blending import VolumePlan, canvas_of
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.volume import open_volume
from soct_core.volume.writing import ImageSpec, image_writer

VOXEL = (10.0, 10.0, 10.0)
MODES = ("files alone", "copy", "identity", "rotated", "one worker", "two workers")


def make_slice(path: Path, planes: int, side: int) -> None:
    """One slice of speckled tissue; all slices share it, so that disks stay small."""
    rng = np.random.default_rng(0)
    y, x = (np.linspace(-1, 1, side)[:, None], np.linspace(-1, 1, side)[None, :])
    tissue = np.where(np.hypot(y, x) < 0.8, 1.0, 0.1)
    grain = speckle((side, side), 4, 0.7, rng)
    with image_writer(path, ImageSpec((planes, side, side), np.dtype(np.float32), VOXEL)) as (image, _):
        for z in range(planes):
            image.append((tissue * np.roll(grain, 97 * z, (0, 1))).astype(np.float32))


def plan_of(source: Path, count: int, *, turned: bool) -> VolumePlan:
    """Slices one behind the other, in their place or each turned by half a degree."""
    planes, side, _ = open_volume(source).shape
    center = plane_center((side, side))

    def pose(i: int) -> Affine2D:
        return Affine2D.rigid(0.5 * (-1) ** i, (1.3, -0.7), center) if turned else Affine2D.identity()

    layers = [
        PlacedSlice(i, open_volume(source), "measured", i * planes, planes, pose(i)) for i in range(count)
    ]
    return VolumePlan(layers, count * planes, VOXEL, canvas_of(layers))


def run(mode: str, source: Path, count: int, out: Path) -> None:
    """Stack, or copy, `count` slices."""
    if mode in ("identity", "rotated"):
        try:
            from soct_core.stacking.parts import stack_volume
        except ImportError:  # before parts
            from soct_core.stacking.blending import stack_volume  # type: ignore[attr-defined,no-redef]
        stack_volume(plan_of(source, count, turned=mode == "rotated"), StackSettings(), out)
    elif mode == "copy":
        copy(source, count, out)
    else:
        in_parts(source, count, out, workers=1 if mode == "one worker" else 2)


def copy(source: Path, count: int, out: Path) -> None:
    """The slices one behind the other, without a thought."""
    import zarr

    from schemas.stack_plan import Block
    from soct_core.stacking.parts import PartedVolume
    from soct_core.volume.block_levels import LevelArrays, slices, write_block, write_rest

    plan = plan_of(source, count, turned=False)
    volume, grid = open_volume(source), PartedVolume.of(plan, StackSettings(), "0.5").grid
    arrays = LevelArrays.create(zarr.create_group(out), grid, plan.dtype, "0.5")
    planes = volume.shape[0]

    def voxels(box: Block) -> tuple[Any, Any]:
        z, y, x = slices(box)
        parts = [
            np.asarray(volume[max(z.start - top, 0) : min(z.stop - top, planes), y, x])
            for top in range(0, plan.depth, planes)
            if top < z.stop and top + planes > z.start
        ]
        data = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return data, np.ones(data.shape, np.uint8)

    for block in grid.blocks():
        write_block(arrays, grid, block, voxels)
    write_rest(arrays, grid, 0, None)


def files_copied(source: Path, count: int, out: Path) -> list[Path]:
    """The files of a copy."""
    copy(source, count, out)
    return sorted(path for path in out.rglob("*") if path.is_file())


def files_alone(source: Path, count: int, out: Path, made: list[bytes]) -> None:
    """Read all bytes of the slices, and write those of a copy."""
    for path in [path for path in (source / "0").rglob("*") if path.is_file()] * count:
        path.read_bytes()
    folder = out / "again"
    folder.mkdir()
    for index, content in enumerate(made):
        with (folder / str(index)).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def in_parts(source: Path, count: int, out: Path, workers: int) -> None:
    """All parts, shared out among so many processes, which start as workers do."""
    command = [sys.executable, __file__, "--parts", str(source), str(count), str(out)]
    running = [subprocess.Popen([*command, str(i), str(workers)]) for i in range(workers)]
    assert all(process.wait() == 0 for process in running)


def some_parts(source: Path, count: int, out: Path, first: int, step: int) -> None:
    """Every so-manieth part."""
    from soct_core.stacking.parts import PartedVolume

    volume = PartedVolume.of(plan_of(source, count, turned=True), StackSettings(), "0.5")
    for index in range(first, len(volume.parts), step):
        volume.write_part(volume.parts[index], out / str(index))


def measured(mode: str, source: Path, count: int, checkout: Path | None = None) -> dict[str, float]:
    """What one mode costs in a process of its own."""
    environment = os.environ | ({"PYTHONPATH": str(checkout)} if checkout else {})
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        command = [sys.executable, __file__, "--run", mode, str(source), str(count), f"{folder}/out.ome.zarr"]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def report(mode: str, source: Path, count: int, out: Path) -> None:
    """Run in this process and print what it cost, imports apart."""

    def used() -> tuple[float, float, float]:
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(r.ru_utime for r in both), sum(r.ru_stime for r in both), time.perf_counter()

    made = [path.read_bytes() for path in files_copied(source, count, out)] if mode == "files alone" else []
    start = used()
    if made:
        files_alone(source, count, out, made)
    else:
        run(mode, source, count, out)
    user, kernel, wall = (b - a for a, b in zip(start, used(), strict=True))
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    files = sum(len(names) for _, _, names in os.walk(out))
    cost = {"cpu_s": user + kernel, "kernel_s": kernel, "peak_mb": peak / 1024}
    print(json.dumps(cost | {"wall_s": wall, "files": files}))


def table(source: Path, count: int, modes: list[str], before: Path | None) -> None:
    """One row per mode, the copy first."""
    costs = {mode: measured(mode, source, count) for mode in modes}
    if before is not None:
        costs |= {f"{m}, before": measured(m, source, count, before) for m in ("identity", "rotated")}
    copied = costs["copy"]["cpu_s"]
    for mode, cost in costs.items():
        print(
            f"{mode:>18} {cost['cpu_s']:>8.2f} {cost['cpu_s'] / copied:>7.2f}"
            f" {cost['kernel_s']:>8.2f} {cost['kernel_s'] / cost['cpu_s']:>7.0%}"
            f" {cost['peak_mb']:>8.0f} {cost['wall_s']:>8.1f} {cost['files']:>6.0f}",
            flush=True,
        )


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--sides", type=int, nargs="+", default=[1024, 4096, 8192])
    parser.add_argument("--planes", type=int, nargs="+", default=[40, 16, 8])
    parser.add_argument("--slices", type=int, default=4)
    parser.add_argument("--modes", nargs="+", default=list(MODES))
    parser.add_argument("--before", type=Path)
    parser.add_argument("--run", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--make", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--parts", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        mode, source, count, out = arguments.run
        report(mode, Path(source), int(count), Path(out))
        return
    if arguments.make:
        make_slice(Path(arguments.make[0]), int(arguments.make[1]), int(arguments.make[2]))
        return
    if arguments.parts:
        source, count, out, first, step = arguments.parts
        some_parts(Path(source), int(count), Path(out), int(first), int(step))
        return
    for side, planes in zip(arguments.sides, arguments.planes, strict=False):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "slice.ome.zarr"
            # In a process of its own: peaks of memory are handed on to children.
            made = [sys.executable, __file__, "--make", str(source), str(planes), str(side)]
            subprocess.run(made, check=True)
            print(f"{arguments.slices} slices of {planes}x{side}x{side} float32")
            heads = ("cpu s", 8), ("x copy", 7), ("kernel s", 8), ("share", 7), ("peak MB", 8), ("wall s", 8)
            print(" ".join(f"{name:>{width}}" for name, width in (("", 18), *heads, ("files", 6))))
            table(source, arguments.slices, arguments.modes, arguments.before)


if __name__ == "__main__":
    main()
