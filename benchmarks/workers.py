"""How many workers help: the CPU of every part of a stack, and the time that so many workers would take.

    python benchmarks/workers.py [--slices 8] [--planes 60] [--side 1024] [--workers 1 2 4 8]

Parts are written one after the other in this process, and then shared out as a pool does: the next part
goes to whoever is free. What is done once, planning before and joining after, stays serial.
"""

from __future__ import annotations

import argparse
import heapq
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import stack_cost

from schemas.settings import StackSettings
from soct_core.stacking.parts import PartedVolume
from soct_core.volume import level_grids


def seconds(work: Callable[[], Any]) -> float:
    """CPU seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def shared_out(parts: list[float], workers: int) -> float:
    """When the last part is done."""
    free = [0.0] * workers
    for cost in parts:
        heapq.heappush(free, heapq.heappop(free) + cost)
    return max(free)


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--slices", type=int, default=8)
    parser.add_argument("--planes", type=int, default=60)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--part-mb", type=int, default=level_grids.PART_BYTES >> 20)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    arguments = parser.parse_args()
    level_grids.PART_BYTES = arguments.part_mb << 20
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "slice.ome.zarr"
        stack_cost.make_slice(source, arguments.planes, arguments.side)
        plan = stack_cost.plan_of(source, arguments.slices, turned=True)
        volume = PartedVolume.of(plan, StackSettings(), "0.5")
        places = [Path(folder) / str(i) for i in range(len(volume.parts))]
        parts = [
            seconds(partial(volume.write_part, blocks, place))
            for blocks, place in zip(volume.parts, places, strict=True)
        ]
        joined = seconds(lambda: volume.join(places, [], Path(folder) / "v.ome.zarr"))
    alone = sum(parts) + joined
    print(f"{len(parts)} parts of {min(parts):.2f} to {max(parts):.2f} s, joined in {joined:.2f} s")
    for workers in arguments.workers:
        took = shared_out(parts, workers) + joined
        print(f"{workers:>4} workers: {took:>7.2f} s, {took / alone:.2f} of one")


if __name__ == "__main__":
    main()
