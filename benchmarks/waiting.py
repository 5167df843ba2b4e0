"""What a user waits for: the first line, a run with nothing new, a first run of four small slices by part.

    python benchmarks/waiting.py [--slices 4]

CPU seconds of all processes, by what they are: the command itself, the embedded server, workers. Beside
them stands a plain loop over the stages in one process, the work itself. The first run of all also makes
Prefect's database.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from schemas.simulation import SimulationSettings
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import simulate

VOXEL = (10.0, 25.0, 25.0)
PLANES, SHAPE = 20, (272, 304)
_KINDS = {"uvicorn": "server", "spawn_main": "workers"}
_TICKS = os.sysconf("SC_CLK_TCK")


def watched(command: list[str]) -> tuple[float, float, dict[str, float]]:
    """Seconds until its first line and until its end, and CPU seconds of its processes by kind."""
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        os.set_blocking(process.stdout.fileno(), False)  # type: ignore[union-attr]
        first, seen = 0.0, dict[int, tuple[str, float]]()
        while process.poll() is None:
            if not first and process.stdout is not None and process.stdout.read(1):
                first = time.perf_counter() - started
            seen |= _cpu_of(process.pid, seen)
            time.sleep(0.05)
        wall = time.perf_counter() - started
    if process.returncode != 0:
        raise SystemExit(f"exit code {process.returncode}: {' '.join(command)}")
    kinds = dict.fromkeys(("command", *_KINDS.values()), 0.0)
    for kind, seconds in seen.values():
        kinds[kind] += seconds
    return first or wall, wall, kinds


def _cpu_of(root: int, seen: dict[int, tuple[str, float]]) -> dict[int, tuple[str, float]]:
    processes = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            processes[int(folder.name)] = int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS
    tree, grown = {root}, True
    while grown:
        more = {pid for pid, (parent, _) in processes.items() if parent in tree} - tree
        tree, grown = tree | more, bool(more)
    found = {}
    for pid in tree & processes.keys():
        kind = seen[pid][0] if pid in seen else ""
        with suppress(OSError):
            told = Path(f"/proc/{pid}/cmdline").read_text()
            kind = next((kind for word, kind in _KINDS.items() if word in told), kind or "command")
        found[pid] = kind or "command", processes[pid][1]
    return found


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--slices", type=int, default=4)
    slices = parser.parse_args().slices
    flow = [sys.executable, "-m", "flows.reconstruct"]
    rows: dict[str, tuple[float, float, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        os.environ["PREFECT_HOME"] = str(base / "prefect")
        acquisition = str(base / "mouse")
        phantom = PhantomVolume(Phantom.seeded(0), (slices * PLANES, *SHAPE), VOXEL)
        simulate(phantom, VOXEL, SimulationSettings(slices=slices, missing=(2,)), base / "mouse", "phantom")
        rows["first of all"] = watched([*flow, acquisition, "--output", str(base / "a")])
        for runner in ("threads", "processes"):
            output = str(base / runner)
            rows[f"first, {runner}"] = watched([*flow, acquisition, "--output", output, "--runner", runner])
        rows["nothing new"] = watched([*flow, acquisition, "--output", output])
        loop = [sys.executable, str(Path(__file__).with_name("overhead.py")), "--loop", acquisition]
        rows["plain loop"] = watched([*loop, str(base / "plain")])
    print(f"{slices} slices of {PLANES}x{SHAPE[0]}x{SHAPE[1]} on {os.cpu_count()} cores; seconds")
    print(f"{'':>18} {'first line':>11} {'wall':>7} {'CPU':>7} {'command':>9} {'server':>7} {'workers':>8}")
    for name, (first, wall, kinds) in rows.items():
        parts = f"{kinds['command']:>9.1f} {kinds['server']:>7.1f} {kinds['workers']:>8.1f}"
        print(f"{name:>18} {first:>11.2f} {wall:>7.1f} {sum(kinds.values()):>7.1f} {parts}")


if __name__ == "__main__":
    main()
