"""Faults of the world: disks, permissions, inputs that change, lost workers, two runs at once.

Of each: the exit code, the one line that the user sees, and whether the next run repairs it.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults import changed_files, disks, lost_processes, surroundings
from faults.bench import RESULTS, USUAL, Bench, bench
from faults.trial import Outcome


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when every fault did what is promised, and was repaired."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--csv", type=Path, default=RESULTS / "faults_world.csv")
    parser.add_argument("--surroundings", action="store_true", help="only memory, umask, prefect.toml")
    arguments = parser.parse_args(argv)
    faults: list[Callable[[Bench], Outcome]] = [*surroundings.FAULTS]
    if not arguments.surroundings:
        faults += [*disks.FAULTS, *changed_files.FAULTS, *lost_processes.FAULTS]
    found = []
    with bench() as on:
        on.reference("usual", USUAL, "threads")
        os.environ["FAULTS_HELD"] = str(on.folder / "held")
        for fault in faults:
            on.clear()
            found.append(result := fault(on))
            state = "as promised" if result.wanted else "NOT AS PROMISED"
            after = f"LOST {result.lost}" if result.lost else "repaired"
            print(f"{result.fault:<62}exit {result.exit_code:<3}{state}, {after}: {result.said}", flush=True)
    arguments.csv.parent.mkdir(parents=True, exist_ok=True)
    with arguments.csv.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(vars(found[0])))
        writer.writeheader()
        writer.writerows(map(vars, found))
    fine = sum(o.fine for o in found)
    print(f"{len(found)} faults, {fine} as promised and repaired")
    return 0 if fine == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
