"""Chunks and shards: what writing costs, reading planes in each direction and a random block, and files.

    python benchmarks/layouts.py [--shape 64 1024 1024] [--repeats 3]

CPU seconds, the median of some repeats, of speckled float32 with the codec of the product, one thread; a
random block is 64 voxels a side. `files` is what 100 slices of 60x6000x8000 would have, pyramid and labels
included.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

import soct_core.volume  # noqa: F401  (one thread)
from schemas.settings import Shards, StackSettings
from schemas.stack_plan import LevelGrid
from soct_core.volume.level_arrays import create_level
from soct_core.volume.level_grids import halved_grid

Shape = tuple[int, int, int]
BRAIN: Shape = (6000, 6000, 8000)
LAYOUTS: tuple[tuple[Shape, Any], ...] = (
    ((8, 512, 512), "none"),
    ((16, 256, 256), "none"),
    ((32, 128, 128), "none"),
    ((64, 64, 64), "none"),
    ((16, 256, 256), (16, 1024, 1024)),
    ((16, 128, 128), (16, 1024, 1024)),
    ((32, 128, 128), (32, 1024, 1024)),
    ((64, 64, 64), (64, 512, 512)),
)


def seconds(work: Callable[[], Any]) -> float:
    """CPU seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def brain_files(chunks: Shape, shards: Shards) -> int:
    """Files of a whole brain."""
    grid = halved_grid(BRAIN, 4, StackSettings(chunks=chunks, shards=shards), "0.5")
    units = [(one.shape, one.unit) for one in (*grid.image, *grid.labels)]
    return sum(math.prod(-(-n // u) for n, u in zip(*pair, strict=True)) for pair in units)


def costs(data: NDArray[Any], chunks: Shape, shards: Any, folder: Path) -> list[float]:
    """Of writing, of an XY, XZ and YZ plane, of a random block."""
    shutil.rmtree(folder, ignore_errors=True)
    shape: Any = data.shape
    grid = LevelGrid(shape=shape, chunks=chunks, shards=None if shards == "none" else shards)
    array = create_level(zarr.create_group(folder), "0", grid, data.dtype, "0.5")
    steps = [range(0, n, u) for n, u in zip(shape, grid.unit, strict=True)]

    def write() -> None:
        for place in product(*steps):
            box = tuple(slice(a, a + u) for a, u in zip(place, grid.unit, strict=True))
            array[box] = data[box]

    z, y, x = (n // 2 for n in shape)
    corner = [int(n) for n in np.random.default_rng(os.getpid()).integers(0, [n - 63 for n in shape])]
    block = tuple(slice(a, a + 64) for a in corner)
    reads = lambda: array[z], lambda: array[:, y], lambda: array[:, :, x], lambda: array[block]
    return [seconds(write), *map(seconds, reads)]


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--shape", type=int, nargs=3, default=[64, 1024, 1024])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    data = (100 * rng.gamma(4, 1, arguments.shape)).astype(np.float32)
    columns = ("write", "XY", "XZ", "YZ", "block", "files")
    print(f"{'chunks':>14} {'shards':>16}" + "".join(f"{name:>8}" for name in columns))
    with tempfile.TemporaryDirectory() as folder:
        for chunks, shards in LAYOUTS:
            tried = [costs(data, chunks, shards, Path(folder, "a")) for _ in range(arguments.repeats)]
            found = "".join(f"{statistics.median(one):>8.3f}" for one in zip(*tried, strict=True))
            shown = shards if shards == "none" else "x".join(map(str, shards))
            print(f"{'x'.join(map(str, chunks)):>14} {shown:>16}{found}{brain_files(chunks, shards):>8}")
    print(f"default: {brain_files((16, 256, 256), 'auto')} files")


if __name__ == "__main__":
    main()
