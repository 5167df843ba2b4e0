"""What one gap costs: CPU and memory beside a plain write of the same output, and chunks read.

    python benchmarks/gap_cost.py [--planes 60] [--side 1024] [--repeats 3] [--modes MODE ...]

Every figure is of a process of its own, imports apart. The plain write streams an array that lies
in memory into an image with the same codec and chunks: with the pyramid that an interpolated slice has,
without it, and with the uncertainty of such a gap beside it, which one gap with all writes too. One gap is
made by the affine alone, and with all that is on by default: displacement, sources of several planes,
uncertainty. Memory is what the peak of the process lies above its level after imports; the array that the
plain write starts from counts there. "whole" is the peak
of the whole process.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.storage import LocalStore

from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D, plane_center
from soct_core.file_names import InterpolationFiles
from soct_core.planes.warp import warp
from soct_core.simulation.image_formation import speckle
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.stages.interpolate_missing_slice import GapToFill, interpolate_slice
from soct_core.volume import open_volume
from soct_core.volume.writing import CHUNK, ImageSpec, image_writer, write_image

VOXEL = (3.5, 8.0, 8.0)
MODES = ("plain write, level 0", "plain write", "plain write of both", "one gap, affine", "one gap")
AFFINE = InterpolationSettings(deformation="affine", source_slab=0.0, uncertainty=False)
_PHANTOM_PLANES, _PHANTOM_PX = 240, 1024
"""Thin slices lie in the middle of so many planes; larger planes are enlarged from so many pixels a side, as
a phantom takes a second a plane."""


def make_slice(path: Path, planes: int, side: int, first: int, motion: Affine2D) -> None:
    """Planes `first` and on of a speckled phantom, moved, float32."""
    rng = np.random.default_rng(first)
    small = min(side, _PHANTOM_PX)
    # As wide as the plane, however large that is: a small specimen would be no test.
    phantom = PhantomVolume(Phantom.seeded(0), (max(4 * planes, _PHANTOM_PLANES), small, small), VOXEL)
    grain = speckle((side, side), 4, 0.7, rng) if side > small else None
    with image_writer(path, ImageSpec((planes, side, side), np.dtype(np.float32), VOXEL)) as (image, _):
        for z in range(planes):
            plane = phantom[first + z].astype(np.float32)
            if side > small:
                plane = np.asarray(cv2.resize(plane, (side, side)), np.float32)
            moved = warp(plane, motion)
            if grain is None:
                image.append((moved * speckle((side, side), 4, 0.7, rng)).astype(np.float32))
            else:
                image.append((moved * np.roll(grain, 97 * z, (0, 1))).astype(np.float32))


def run(mode: str, before: Path, after: Path, out: Path) -> dict[str, float]:
    """Cost of one mode in this process."""
    chunks = _count_chunks()
    planes = None if mode.startswith("one gap") else np.asarray(open_volume(before)[:])
    beside = np.asarray(open_volume(half_widths(before))[:]) if mode == "plain write of both" else None
    with tempfile.TemporaryDirectory() as folder:
        warm_up(Path(folder))
    rest, start = resident_mb(), resource.getrusage(resource.RUSAGE_SELF)
    chunks.clear()
    if planes is None:
        files = InterpolationFiles.standard(out, 1)
        settings = AFFINE if mode == "one gap, affine" else InterpolationSettings()
        found = interpolate_slice(open_volume(before), open_volume(after), GapToFill(1), files, settings)
        if found.interpolation_failed:
            raise SystemExit(f"the gap was refused: {found.fallback_reason}, {found.detail}")
    elif mode != "plain write, level 0":
        for name, values in (("plain", planes), ("beside", beside)):
            if values is not None:
                write_plainly(out / f"{name}.ome.zarr", values)
    else:
        codec = zarr.codecs.BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle")
        array = zarr.create_array(
            out / "plain.zarr", shape=planes.shape, dtype=planes.dtype, chunks=CHUNK, compressors=[codec]
        )
        for z in range(0, len(planes), CHUNK[0]):
            array[z : z + CHUNK[0]] = planes[z : z + CHUNK[0]]
    end = resource.getrusage(resource.RUSAGE_SELF)
    cpu = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
    array_mb = sum(values.nbytes for values in (planes, beside) if values is not None) / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu_s": cpu, "peak_mb": peak - rest + array_mb, "whole_mb": peak, "chunks": len(chunks)}


def write_plainly(path: Path, planes: NDArray[np.float32]) -> None:
    """Stream an array that lies in memory into an image with its pyramid."""
    with image_writer(path, ImageSpec(planes.shape, planes.dtype, VOXEL)) as (image, _):
        image.append(planes)


def half_widths(before: Path) -> Path:
    """Where the half widths of a gap lie that is made once, to be written again."""
    made = InterpolationFiles.standard(before.parent / "made", 1).uncertainty
    assert made is not None
    return made


def warm_up(folder: Path) -> None:
    """A tiny gap: what is imported on first use is apart."""
    planes = Phantom.seeded(0), (40, 64, 64), (10.0, 100.0, 100.0)
    volume = PhantomVolume(*planes)
    for name, first in (("a", 10), ("b", 20)):
        write_image(folder / f"{name}.ome.zarr", volume[first : first + 10], planes[2])
    files = InterpolationFiles.standard(folder, 1)
    sides = open_volume(folder / "a.ome.zarr"), open_volume(folder / "b.ome.zarr")
    interpolate_slice(*sides, GapToFill(1), files, InterpolationSettings())


def resident_mb() -> float:
    """Memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _count_chunks() -> list[str]:
    """Keys of all chunks that are read from now on."""
    keys: list[str] = []
    get = LocalStore.get

    async def counted(self: LocalStore, key: str, *args: object, **kwargs: object) -> object:
        if "zarr.json" not in key and not key.rpartition("/")[2].startswith("."):
            keys.append(f"{self.root}/{key}")
        return await get(self, key, *args, **kwargs)  # type: ignore[arg-type]

    LocalStore.get = counted  # type: ignore[method-assign,assignment]
    return keys


def measured(mode: str, before: Path, after: Path) -> dict[str, float]:
    """Cost of one mode in a process of its own."""
    with tempfile.TemporaryDirectory(dir=before.parent) as out:
        command = [sys.executable, __file__, "--run", mode, str(before), str(after), out]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--planes", type=int, default=60)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--make", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--run", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        mode, *paths = arguments.run
        before, after, out = map(Path, paths)
        print(json.dumps(run(mode, before, after, out)))
        return
    if arguments.make:
        path, *sizes, is_moved = arguments.make
        planes, side, first = map(int, sizes)
        still = plane_center((side, side))
        drift = Affine2D.rigid(1.5, (6.0, -4.0), still) if int(is_moved) else Affine2D.identity(still)
        make_slice(Path(path), planes, side, first, drift)
        return
    with tempfile.TemporaryDirectory() as folder:
        table(Path(folder), arguments.planes, arguments.side, arguments.repeats, arguments.modes)


def table(folder: Path, planes: int, side: int, repeats: int, modes: list[str]) -> None:
    """One row per mode: the median of its runs, and their range."""
    paths = folder / "before.ome.zarr", folder / "after.ome.zarr"
    centre = max(4 * planes, _PHANTOM_PLANES) // 2
    starts = centre - planes * 3 // 2, centre + planes // 2
    for is_moved, (path, first) in enumerate(zip(paths, starts, strict=True)):
        # In a process of its own: peaks of memory are handed on to children.
        sizes = map(str, (path, planes, side, first, is_moved))
        subprocess.run([sys.executable, __file__, "--make", *sizes], check=True)
    print(f"one gap of {planes}x{side}x{side} float32, with its reportlet")
    heads = ("CPU s", 7), ("x write", 8), ("range", 12), ("x both", 7), ("peak MB", 8), ("whole", 6)
    print(" ".join(f"{name:>{width}}" for name, width in (("", 22), *heads, ("chunks", 7))))
    # One after the other, so that what else the machine does weighs on all alike.
    if "plain write of both" in modes:
        command = [sys.executable, __file__, "--run", "one gap", *map(str, paths), str(folder / "made")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    costs = [{mode: measured(mode, *paths) for mode in modes} for _ in range(repeats)]
    for mode in modes:
        found = [cost[mode] for cost in costs]
        middle = {name: statistics.median(cost[name] for cost in found) for name in found[0]}
        of_one, of_both = (beside(costs, mode, other) for other in ("plain write", "plain write of both"))
        spread = f"{min(of_one):.2f} to {max(of_one):.2f}"
        print(
            f"{mode:>22} {middle['cpu_s']:>7.2f} {statistics.median(of_one):>8.2f} {spread:>12} "
            f"{statistics.median(of_both):>7.2f} {middle['peak_mb']:>8.0f} {middle['whole_mb']:>6.0f} "
            f"{middle['chunks']:>7.0f}",
            flush=True,
        )


def beside(costs: list[dict[str, dict[str, float]]], mode: str, other: str) -> list[float]:
    """CPU of a mode over that of another, round by round; NaN where that was not measured."""
    if other not in costs[0]:
        return [float("nan")]
    return [cost[mode]["cpu_s"] / cost[other]["cpu_s"] for cost in costs]


if __name__ == "__main__":
    main()
