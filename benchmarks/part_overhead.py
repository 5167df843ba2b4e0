"""What sharing out a stack costs: CPU of a run that only stacks, with few parts and with many.

    python benchmarks/part_overhead.py [--slices 4] [--shape 40 1024 1024] [--repeats 3]

Each run is a process of its own with its embedded server, whose CPU counts; slices, gaps and pairs are
known from a run before. What one more part costs is the difference over the number of parts more: task
run, messages to the server, folder and checksums of the part.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from overhead import make

FEW, MANY = 2**28, 2**22
"""Bytes of a part: as they are, and 64 times smaller."""


def run(acquisition: Path, part_bytes: int, blend_um: float) -> int:
    """Stack once, blended in a way of its own; gives the number of parts."""
    import flows.engine.prefect_environment  # noqa: F401  (before Prefect)
    from flows.engine.runners import task_runner
    from flows.reconstruct import reconstruct
    from schemas.run_record import RunRecord
    from schemas.settings import ReconstructSettings, StackSettings
    from soct_core.volume import level_grids

    # Small chunks, so that there is something to share out.
    stack = StackSettings(blend_depth_um=blend_um, chunks=(4, 128, 128), shards=(4, 128, 128))
    level_grids.PART_BYTES = part_bytes
    flow = reconstruct.with_options(task_runner=task_runner("threads", 2))
    result = flow(acquisition=acquisition, settings=ReconstructSettings(stack=stack))
    record = RunRecord.model_validate_json((result.output / "run.json").read_bytes())
    return sum("stack part" in task.name for task in record.tasks)


def measured(acquisition: Path, part_bytes: int, blend_um: float) -> tuple[int, float]:
    """Parts of a run, and CPU seconds of it and of its server."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, __file__, "--run", str(acquisition), str(part_bytes), str(blend_um)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return int(json.loads(done.stdout.splitlines()[-1])), cpu


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--slices", type=int, default=4)
    parser.add_argument("--shape", type=int, nargs=3, default=[40, 1024, 1024], help="of a slice, z y x")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        acquisition, part_bytes, blend = arguments.run
        print(run(Path(acquisition), int(part_bytes), float(blend)))
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ["PREFECT_HOME"] = f"{folder}/prefect"
        acquisition = Path(folder, "slices")
        depth, height, width = arguments.shape
        make(acquisition, arguments.slices, (depth, height, width))
        measured(acquisition, FEW, 10.0)
        costs = []
        for index in range(arguments.repeats):
            few, many = (
                measured(acquisition, size, 20.0 + 2 * index + odd) for odd, size in enumerate((FEW, MANY))
            )
            costs.append((many[1] - few[1]) / (many[0] - few[0]))
            print(
                f"{few[0]:>3} parts {few[1]:>6.1f} s CPU, {many[0]:>3} parts {many[1]:>6.1f} s CPU",
                flush=True,
            )
    spread = f"{min(costs):.2f} to {max(costs):.2f}"
    print(f"one more part: {statistics.median(costs):.2f} s CPU ({spread})")


if __name__ == "__main__":
    main()
