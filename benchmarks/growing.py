"""What a scheduled run costs while the microscope acquires: by new slices, not by those already there.

    python benchmarks/growing.py [--slices 10 40] [--new 1 4] [--side 384] [--planes 20] [--csv FILE]

Slices of a drifting phantom appear in steps: N at first, then 1, then 4 more. A few slices stand
for all, there and back again, so that any number costs little to make. Each step is one run of
the flow, in one thread of this process. For each stage: how many of its tasks ran, their
CPU and wall seconds, and those of the whole run, keys and checks of the cache included. For the
stack, CPU and bytes written beside those of the first stack, which is of N slices.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

import flows.engine.prefect_environment  # noqa: F401  (before Prefect)
from flows.engine import tasks
from flows.engine.api import api
from flows.engine.tasks import BoundTask
from schemas.settings import PairwiseSettings, ReconstructSettings
from schemas.simulation import SimulationSettings
from soct_core.file_names import DEFAULT_OUTPUT, VOLUME_PATH, slice_name
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import simulate
from soct_core.storage.file_tree import files_of

SIZE = (10.0, 10.0, 10.0)
POOL = 4
RESULTS = Path(__file__).parent / "results" / "growing.csv"
STAGES = ("interpolate_missing_slice", "register_pair", "stack", "render_report")


@dataclass
class Cost:
    """One stage of one run."""

    slices_before: int
    new: int
    stage: str
    ran: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    kept_planes: int = 0
    written_mb: float = 0.0
    share_of_first_cpu: float = 1.0
    share_of_first_written: float = 1.0


class Meter:
    """Adds up what each stage costs; tasks run one after the other."""

    def __init__(self) -> None:
        self.costs: dict[str, Cost] = {}
        for name in STAGES:
            bound: BoundTask[Any, Any] = getattr(tasks, name)
            bound.stage.run = self._metered(name, bound.stage.run)  # type: ignore[method-assign]

    def start(self, before: int, new: int) -> None:
        self.costs = {name: Cost(before, new, name) for name in (*STAGES, "whole run")}

    def add(self, name: str, work: Callable[[], Any]) -> Any:
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            return work()
        finally:
            cost = self.costs[name]
            cost.ran += 1
            cost.cpu_s += time.process_time() - cpu
            cost.wall_s += time.perf_counter() - wall

    def _metered(self, name: str, work: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda job: self.add(name, lambda: work(job))


def inodes(volume: Path) -> dict[int, int]:
    """Sizes of the files of a volume, by inode: those taken over keep theirs."""
    found = [Path(path).stat() for path in files_of(volume).values()] if volume.exists() else []
    return {stat.st_ino: stat.st_size for stat in found}


def grow(
    pool: Path, folder: Path, count: int, steps: list[int], settings: ReconstructSettings, meter: Meter
) -> list[Cost]:
    """Show N slices of the pool to the flow, then more of them, step by step."""
    from flows.engine.runners import task_runner
    from flows.reconstruct import reconstruct

    flow = reconstruct.with_options(task_runner=task_runner("threads", 1))
    acquisition, shown = folder / "mouse", 0
    costs: list[Cost] = []
    acquisition.mkdir()
    volume = acquisition / DEFAULT_OUTPUT / VOLUME_PATH
    for new in (count, *steps):
        for slice_id in range(shown, shown + new):
            there_and_back = abs((slice_id + POOL - 1) % (2 * POOL - 2) - (POOL - 1))
            (acquisition / slice_name(slice_id)).symlink_to(pool / slice_name(there_and_back))
        meter.start(shown, new)
        there = inodes(volume)
        result = meter.add("whole run", lambda: flow(acquisition=acquisition, settings=settings))
        stacked = meter.costs["stack"]
        stacked.kept_planes = result.stack.kept_planes
        stacked.written_mb = sum(size for i, size in inodes(volume).items() if i not in there) / 1e6
        costs += meter.costs.values()
        first = costs[STAGES.index("stack")]
        stacked.share_of_first_cpu = stacked.cpu_s / first.cpu_s
        stacked.share_of_first_written = stacked.written_mb / first.written_mb
        shown += new
    return costs


def show(costs: list[Cost]) -> None:
    print(f"{'before':>6} {'new':>4} {'stage':>26} {'ran':>4} {'cpu s':>8} {'wall s':>8} {'written MB':>11}")
    for cost in costs:
        line = f"{cost.slices_before:>6} {cost.new:>4} {cost.stage:>26} {cost.ran:>4} "
        line += f"{cost.cpu_s:>8.2f} {cost.wall_s:>8.2f}"
        if cost.stage == "stack":
            line += f" {cost.written_mb:>11.1f}   kept {cost.kept_planes} planes; of the first stack: "
            line += f"CPU {cost.share_of_first_cpu:.2f}, bytes {cost.share_of_first_written:.2f}"
        print(line)


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--slices", type=int, nargs="+", default=[10, 40])
    parser.add_argument("--new", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--side", type=int, default=384)
    parser.add_argument("--planes", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=PairwiseSettings().max_iterations)
    parser.add_argument("--csv", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    side, planes = arguments.side, arguments.planes
    pairwise = PairwiseSettings(max_iterations=arguments.iterations)
    meter, costs, chosen = Meter(), [], ReconstructSettings(pairwise=pairwise)
    with tempfile.TemporaryDirectory() as folder, api():
        phantom = PhantomVolume(Phantom.seeded(1), (POOL * planes, side, side), SIZE)
        settings = SimulationSettings(drift_px=2.0, drift_deg=0.3, speckle_looks=8)
        simulate(phantom, SIZE, settings, Path(folder) / "pool", "phantom")
        for count in arguments.slices:
            place = Path(folder) / str(count)
            place.mkdir()
            costs += grow(Path(folder) / "pool", place, count, arguments.new, chosen, meter)
    show(costs)
    arguments.csv.parent.mkdir(exist_ok=True)
    with arguments.csv.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([field.name for field in fields(Cost)])
        writer.writerows([[round(v, 4) if isinstance(v, float) else v for v in astuple(c)] for c in costs])
    print(f"written: {arguments.csv}")


if __name__ == "__main__":
    main()
