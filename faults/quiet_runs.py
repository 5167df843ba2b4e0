"""Runs that succeed say nothing that they should not: again and again, with a server and without.

    python faults/quiet_runs.py [--runs 20]

A run with nothing new needs no server. Every other run here has a new note in its slice config: it starts
the embedded server, finishes the trail and renders the report. With `--quiet` and exit code 0, not a byte
may be printed, by the run, its workers, or the server when it ends.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from schemas.simulation import SimulationSettings
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import simulate

VOXEL = (25.0, 25.0, 25.0)


def run(acquisition: Path, *options: str) -> bytes:
    """What a run prints; ends this program if the run fails."""
    command = [sys.executable, "-m", "flows.reconstruct", str(acquisition), "--quiet", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise SystemExit(f"exit code {done.returncode}: {done.stdout.decode(errors='replace')}")
    return done.stdout


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--runs", type=int, default=20, help="of each kind; default: %(default)s")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        acquisition = Path(folder) / "mouse"
        os.environ["PREFECT_HOME"] = str(Path(folder) / "prefect")
        phantom = PhantomVolume(Phantom.seeded(0), (32, 128, 128), VOXEL)
        simulate(phantom, VOXEL, SimulationSettings(slices=4, missing=(2,)), acquisition, "phantom")
        loud = {"nothing new": 0, "a new note, threads": 0, "a new note, processes": 0}
        for number in range(runs):
            runner = "threads" if number % 2 else "processes"
            (acquisition / "slice_config.csv").write_text(f"slice_id,use,notes\n2,false,run {number}\n")
            # With another limit, pairs are registered again: workers start too.
            limit = "--set", f"pairwise.translation_warn_px={20 + number}"
            loud[f"a new note, {runner}"] += bool(run(acquisition, "--runner", runner, *limit))
            loud["nothing new"] += bool(run(acquisition, *limit))
    for kind, count in loud.items():
        print(f"{kind}: {count} printed something")
    print(f"{2 * runs} runs, {sum(loud.values())} printed something")


if __name__ == "__main__":
    main()
