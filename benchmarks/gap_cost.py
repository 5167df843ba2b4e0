"""What one gap costs: CPU and memory beside a plain write of the same output, and chunks read.

    python benchmarks/gap_cost.py [--planes 60] [--side 1024] [--repeats 3]

Every figure is of a process of its own, imports apart. The plain write streams an array that lies
in memory into an image with the same codec and chunks: once with the pyramid that an interpolated
slice has, once without. Memory is what the peak of the process lies above its level after imports;
the array that the plain write starts from counts there.
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

import numpy as np
import zarr
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
MODES = ("plain write, level 0", "plain write", "one gap")


def make_slice(path: Path, planes: int, side: int, first: int, motion: Affine2D) -> None:
    """Planes `first` and on of a speckled phantom, moved, float32."""
    phantom = PhantomVolume(Phantom.seeded(0), (4 * planes, side, side), VOXEL)
    rng = np.random.default_rng(first)
    with image_writer(path, ImageSpec((planes, side, side), np.dtype(np.float32), VOXEL)) as (image, _):
        for z in range(planes):
            moved = warp(phantom[first + z].astype(np.float32), motion)
            image.append((moved * speckle((side, side), 4, 0.7, rng)).astype(np.float32))


def run(mode: str, before: Path, after: Path, out: Path) -> dict[str, float]:
    """Cost of one mode in this process."""
    chunks = _count_chunks()
    planes = None if mode == "one gap" else np.asarray(open_volume(before)[:])
    with tempfile.TemporaryDirectory() as folder:
        warm_up(Path(folder))
    rest, start = resident_mb(), resource.getrusage(resource.RUSAGE_SELF)
    chunks.clear()
    if planes is None:
        files = InterpolationFiles.standard(out, 1)
        found = interpolate_slice(
            open_volume(before), open_volume(after), GapToFill(1), files, InterpolationSettings()
        )
        if found.interpolation_failed:
            raise SystemExit(f"the gap was refused: {found.fallback_reason}, {found.detail}")
    elif mode == "plain write":
        with image_writer(out / "plain.ome.zarr", ImageSpec(planes.shape, planes.dtype, VOXEL)) as (image, _):
            image.append(planes)
    else:
        codec = zarr.codecs.BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle")
        array = zarr.create_array(
            out / "plain.zarr", shape=planes.shape, dtype=planes.dtype, chunks=CHUNK, compressors=[codec]
        )
        for z in range(0, len(planes), CHUNK[0]):
            array[z : z + CHUNK[0]] = planes[z : z + CHUNK[0]]
    end = resource.getrusage(resource.RUSAGE_SELF)
    cpu = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
    array_mb = 0.0 if planes is None else planes.nbytes / 2**20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu_s": cpu, "peak_mb": peak - rest + array_mb, "chunks": len(chunks)}


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
    parser.add_argument("--run", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        mode, *paths = arguments.run
        before, after, out = map(Path, paths)
        print(json.dumps(run(mode, before, after, out)))
        return
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before.ome.zarr", Path(folder) / "after.ome.zarr"
        still = plane_center((arguments.side, arguments.side))
        drift = Affine2D.rigid(1.5, (6.0, -4.0), still)
        make_slice(before, arguments.planes, arguments.side, arguments.planes // 2, Affine2D.identity(still))
        make_slice(after, arguments.planes, arguments.side, arguments.planes * 5 // 2, drift)
        size = f"{arguments.planes}x{arguments.side}x{arguments.side}"
        print(f"one gap of {size} float32, with its reportlet")
        print(f"{'':>22} {'CPU s':>7} {'x write':>8} {'peak MB':>8} {'chunks read':>12}")
        costs = {
            mode: [measured(mode, before, after) for _ in range(arguments.repeats)]
            for mode in reversed(MODES)
        }
        middle = {
            mode: {name: statistics.median(cost[name] for cost in found) for name in found[0]}
            for mode, found in costs.items()
        }
        write = middle["plain write"]["cpu_s"]
        for mode in MODES:
            cost = middle[mode]
            print(
                f"{mode:>22} {cost['cpu_s']:>7.2f} {cost['cpu_s'] / write:>8.2f} "
                f"{cost['peak_mb']:>8.0f} {cost['chunks']:>12.0f}"
            )


if __name__ == "__main__":
    main()
