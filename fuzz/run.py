"""Fuzz all readers: `python fuzz/run.py`; SOCT_FUZZ_CASES and SOCT_FUZZ_SEED say how much of what.

Prints, for each kind of file, how many cases were accepted, how many refused, and in how many
distinct messages. Ends at the first case that is neither.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from pathlib import Path

from feeding import run
from targets import TARGETS, cases_for


def main() -> None:
    total, seed = int(os.environ.get("SOCT_FUZZ_CASES", "200000")), int(os.environ.get("SOCT_FUZZ_SEED", "1"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"| {'file':<17} | {'cases':>7} | {'accepted':>8} | {'refused':>7} | {'messages':>8} | seconds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    cases = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, target in enumerate(TARGETS):
            started = time.perf_counter()
            tally = run(target, cases_for(target, total), seed, Path(folder, str(number)))
            cases += tally.cases
            figures = (
                f"{tally.cases:>7} | {tally.accepted:>8} | {tally.refused:>7} | {len(tally.messages):>8}"
            )
            print(f"| {target.name:<17} | {figures} | {time.perf_counter() - started:>7.1f} |", flush=True)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{cases} cases; peak memory grew by {grown:.0f} MB")


if __name__ == "__main__":
    main()
