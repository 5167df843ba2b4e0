"""Kill a reconstruction at any time, run it again, and compare: `make faults`.

Deaths between the calls that `every_call.py` counts, of the pool's workers and of the embedded server too.
A trial starts from nothing (or from the outputs of an earlier run with other settings), dies
of SIGKILL to its whole process group, and is run again. It is recovered when inputs are untouched,
nothing half-made was under a final name at any time, and the second run's outputs equal, byte for
byte but for times, those of an undisturbed run, without leftovers.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.bench import OTHER, RESULTS, USUAL, Bench, bench
from faults.outputs import leftovers, not_whole
from flows.engine.runners import Runner

EMBEDDED = (4.0, 12.0, 20.0, 28.0)


@dataclass
class Outcome:
    """What became of one trial."""

    moment: str
    runner: str
    died: bool
    leftovers: int
    half_made: str
    inputs_untouched: bool
    lost: str

    @property
    def recovered(self) -> bool:
        return self.inputs_untouched and not self.half_made and not self.lost


def trial(on: Bench, at: float, runner: Runner, *, again: bool) -> Outcome:
    """One death, so many seconds after the start, and one recovery."""
    on.clear()
    wanted, settings = ("other", OTHER) if again else ("usual", USUAL)
    if again:
        shutil.copytree(on.folder / "kept-usual", on.output)
    died = on.run(settings, runner, kill_after=at) == -signal.SIGKILL
    half_made, left = _state(on)
    untouched = on.untouched()
    lost = on.lost(wanted, on.run(settings, runner))
    moment = f"{'again: ' if again else ''}at {at:.2f} s"
    return Outcome(moment, runner, died, left, half_made, untouched and on.untouched(), lost)


def embedded_trial(on: Bench, kill_after: float) -> Outcome:
    """The command line with its own embedded server and database, all killed together."""
    on.clear()
    home = on.folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    first = _command(on, home)
    try:
        first.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    half_made, left = _state(on)
    second = _command(on, home)
    _, said = second.communicate()
    lost = on.lost() if second.returncode == 0 else f"exit {second.returncode}: {said.decode()[-300:]}"
    died = first.returncode == -signal.SIGKILL
    moment = f"embedded server, at {kill_after:.1f} s"
    return Outcome(moment, "processes", died, left, half_made, on.untouched(), lost)


def _state(on: Bench) -> tuple[str, int]:
    return " ".join(not_whole(on.output, list(on.references.values()))), len(leftovers(on.output))


def _command(on: Bench, home: Path) -> subprocess.Popen[bytes]:
    settings = ("pairwise.max_iterations=64", "pairwise.check_pairs=false", "pairwise.anatomy_span_um=0.0")
    return subprocess.Popen(
        [sys.executable, "-m", "flows.reconstruct", str(on.acquisition), "--output", str(on.output)]
        + [word for setting in settings for word in ("--set", setting)]
        + ["--quiet"],
        env={k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"} | {"PREFECT_HOME": str(home)},
        cwd=Path(__file__).parents[1],
        start_new_session=True,
        stderr=subprocess.PIPE,
    )


def random_trial(on: Bench, rng: random.Random, runner: Runner, *, again: bool = False) -> Outcome:
    """A death at any moment of a run; a run that was done before that moment is no trial."""
    while True:
        at = rng.uniform(0.02, 1.0) * on.seconds[runner]
        outcome = trial(on, at, runner, again=again)
        if outcome.died or not outcome.recovered:
            return outcome
        on.seconds[runner] = at


def plan(on: Bench, arguments: argparse.Namespace) -> list[Callable[[], Outcome]]:
    """All trials."""
    rng = random.Random(arguments.seed)
    on.reference("other", OTHER, "threads")
    on.reference("usual", USUAL, "threads")  # the first run is slower than all others
    on.reference("usual", USUAL, "processes")
    trials: list[Callable[[], Outcome]] = []
    trials += [partial(embedded_trial, on, at) for at in arguments.embedded]
    for index in range(arguments.random):
        runner: Runner = "processes" if index % 4 == 3 else "threads"
        trials.append(partial(random_trial, on, rng, runner, again=index % 5 == 4))
    return trials


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when every trial was recovered and most of them really died."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--random", type=int, default=40, help="deaths at random times (default: 40)")
    parser.add_argument("--embedded", type=float, nargs="*", default=EMBEDDED, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, default=RESULTS / "faults_killed.csv")
    arguments = parser.parse_args(argv)
    found = []
    arguments.csv.parent.mkdir(parents=True, exist_ok=True)
    with bench() as on, arguments.csv.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([f.name for f in fields(Outcome)] + ["recovered"])
        for run in plan(on, arguments):
            found.append(outcome := run())
            writer.writerow([*vars(outcome).values(), outcome.recovered])
            file.flush()
            died = f"died, {outcome.leftovers} left" if outcome.died else "not reached"
            state = "recovered" if outcome.recovered else f"LOST {outcome.half_made} {outcome.lost}"
            print(f"{outcome.moment:<56}{outcome.runner:<11}{died:<14}{state}", flush=True)
    deaths, fine = sum(o.died for o in found), sum(o.recovered for o in found)
    print(f"{len(found)} trials, {deaths} deaths, {fine} recovered, {len(found) - fine} lost")
    return 0 if fine == len(found) and deaths > len(found) / 2 else 1


if __name__ == "__main__":
    sys.exit(main())
