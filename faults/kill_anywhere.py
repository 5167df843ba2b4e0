"""Kill a reconstruction anywhere, run it again, and compare: `make faults`.

Every trial starts from nothing (or from the outputs of an earlier run with other settings), dies
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
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    PREFECT_LOCAL_STORAGE_PATH,
    PREFECT_LOGGING_LEVEL,
    temporary_settings,
)
from prefect.task_runners import ProcessPoolTaskRunner

import flows.environment  # noqa: F401  (before Prefect)
from faults import moments
from faults.outputs import Contents, contents, leftovers, not_whole
from flows.exit_codes import exit_code
from flows.orphans import die_with_parent
from flows.reconstruct import reconstruct
from flows.runners import task_runner
from schemas.settings import InterpolationSettings, PairwiseSettings, ReconstructSettings
from schemas.simulation import SimulationSettings
from soct_core.elastix import _elastix
from soct_core.fingerprint import fingerprint
from soct_core.phantom import Phantom, PhantomVolume
from soct_core.simulate import simulate

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results" / "faults.csv"
EMBEDDED = [4.0, 12.0, 20.0, 28.0]
SIZE = (50.0, 40.0, 40.0)
DEPTH, SLICES = 4, 6
SHORT = (
    f"flush {moments.VOLUME}/1",
    f"after rename {moments.VOLUME}",
    "before seal interpolate_z02",
    "half record stack",
    "merge fragments",
)
FAST = PairwiseSettings(max_iterations=64, check_pairs=False, anatomy_span_um=0.0)
USUAL = ReconstructSettings(pairwise=FAST)
OTHER = ReconstructSettings(pairwise=FAST, interpolation=InterpolationSettings(blend_method="linear"))


@dataclass
class Outcome:
    """What became of one trial."""

    moment: str
    runner: str
    died: bool
    leftovers: int
    half_made: str
    inputs_untouched: bool
    recovered: bool
    note: str = ""

    @property
    def fine(self) -> bool:
        return self.inputs_untouched and not self.half_made and self.recovered


class Bench:
    """An acquisition, a Prefect server for all trials, and the outputs of undisturbed runs."""

    def __init__(self, folder: Path, api_url: str) -> None:
        self.folder, self.api_url = folder, api_url
        self.acquisition, self.output = folder / "mouse", folder / "out"
        phantom = PhantomVolume(Phantom.seeded(7), (SLICES * DEPTH, 204, 212), SIZE)
        simulate(phantom, SIZE, SimulationSettings(missing=(2,), drift_px=2.0, seed=3), self.acquisition, "p")
        self.inputs = fingerprint(self.acquisition)
        self.seconds: dict[str, float] = {}
        self.references: dict[str, Contents] = {}
        self.reference("usual", USUAL, "threads")
        self.reference("usual", USUAL, "threads")  # the first is slower than all others

    def reference(self, name: str, settings: ReconstructSettings, runner: str) -> None:
        """An undisturbed run; its outputs are kept aside."""
        self.clear()
        _elastix()  # once for all forks
        started = time.monotonic()
        if status := self.run(settings, runner):
            raise SystemExit(f"the undisturbed run failed ({status}): {self.said()}")
        self.seconds[runner] = time.monotonic() - started
        self.references[name] = contents(self.output)
        shutil.copytree(self.output, self.folder / f"kept-{name}", dirs_exist_ok=True)

    def clear(self) -> None:
        """No outputs, and no cache either."""
        for path in (self.output, self.folder / "records"):
            shutil.rmtree(path, ignore_errors=True)

    def run(
        self,
        settings: ReconstructSettings,
        runner: str,
        moment: str | None = None,
        kill_after: float | None = None,
    ) -> int:
        """Fork, run the flow, and return its exit code, or -9."""
        child = os.fork()
        if child == 0:
            self._become_a_run(settings, runner, moment)
        if kill_after is not None:
            time.sleep(kill_after)
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)

    def said(self) -> str:
        return " ".join((self.folder / "said.txt").read_text().split()[-60:])

    def _become_a_run(self, settings: ReconstructSettings, runner: str, moment: str | None) -> None:
        code = 1
        try:
            os.setsid()
            log = os.open(self.folder / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            code = _reconstruct(self, settings, runner, moment)
        finally:
            os._exit(code)


def _reconstruct(bench: Bench, settings: ReconstructSettings, runner: str, moment: str | None) -> int:
    changes = {
        PREFECT_API_URL: bench.api_url,
        PREFECT_LOCAL_STORAGE_PATH: bench.folder / "records",
        PREFECT_LOGGING_LEVEL: "CRITICAL",
        PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
    }
    if moment is not None:
        moments.arm(moment)
    pool = ProcessPoolTaskRunner(max_workers=2, initializer=_armed, initargs=(moment,))
    runner_ = pool if runner == "processes" else task_runner("threads", 2)
    with temporary_settings(changes):
        flow = reconstruct.with_options(task_runner=runner_)
        return exit_code(lambda: flow(acquisition=bench.acquisition, output=bench.output, settings=settings))


def _armed(moment: str | None) -> None:
    die_with_parent()
    if moment is not None:
        moments.arm(moment)


def trial(
    bench: Bench,
    moment: str,
    runner: str = "threads",
    *,
    again: bool = False,
    kill_after: float | None = None,
) -> Outcome:
    """One death and one recovery."""
    bench.clear()
    wanted, settings = "usual", USUAL
    if again:
        shutil.copytree(bench.folder / "kept-usual", bench.output)
        wanted, settings = "other", OTHER
    status = bench.run(settings, runner, None if kill_after is not None else moment, kill_after)
    references = list(bench.references.values())
    half_made = not_whole(bench.output, references)
    left = len(leftovers(bench.output))
    untouched = fingerprint(bench.acquisition) == bench.inputs
    second = bench.run(settings, runner)
    untouched &= fingerprint(bench.acquisition) == bench.inputs
    after = contents(bench.output)
    note = "" if second == 0 else f"exit {second}: {bench.said()}"
    if second == 0 and after != bench.references[wanted]:
        note = "differs: " + ", ".join(
            k for k in {*after, *bench.references[wanted]} if after.get(k) != bench.references[wanted].get(k)
        )
    if remaining := leftovers(bench.output):
        note += f" leftovers: {remaining}"
    name = f"again: {moment}" if again else moment
    return Outcome(name, runner, status == -9, left, " ".join(half_made), untouched, not note, note)


def embedded_trial(bench: Bench, kill_after: float) -> Outcome:
    """The command line with its own embedded server and database, all killed together."""
    bench.clear()
    home = bench.folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    unset = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_API")}
    command = [
        sys.executable,
        "-m",
        "flows.reconstruct",
        str(bench.acquisition),
        "--output",
        str(bench.output),
    ]
    command += ["--set", "pairwise.max_iterations=64", "--set", "pairwise.check_pairs=false"]
    command += ["--set", "pairwise.anatomy_span_um=0.0", "--quiet"]
    options = {
        "env": {**unset, "PREFECT_HOME": str(home)},
        "cwd": Path(__file__).parents[1],
        "start_new_session": True,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.PIPE,
    }
    run = subprocess.Popen(command, **options)
    try:
        run.communicate(timeout=kill_after)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
    half_made = not_whole(bench.output, list(bench.references.values()))
    left = len(leftovers(bench.output))
    second = subprocess.Popen(command, **options)
    _, said = second.communicate()
    after = contents(bench.output)
    note = "" if second.returncode == 0 else f"exit {second.returncode}: {said.decode()[-200:]}"
    if not note and after != bench.references["usual"]:
        note = "differs"
    if leftovers(bench.output):
        note += " leftovers"
    untouched = fingerprint(bench.acquisition) == bench.inputs
    died = run.returncode == -9
    return Outcome(
        f"embedded, at {kill_after:.1f} s",
        "processes",
        died,
        left,
        " ".join(half_made),
        untouched,
        not note,
        note,
    )


def plan(bench: Bench, arguments: argparse.Namespace) -> list[Callable[[], Outcome]]:
    """All trials, named ones first."""
    rng = random.Random(arguments.seed)
    if arguments.short:
        named = [lambda m=m: trial(bench, m) for m in SHORT]
        at = rng.uniform(0.02, 1.0) * bench.seconds["threads"]
        return [*named, lambda: trial(bench, f"at {at:.2f} s", kill_after=at)]
    bench.reference("other", OTHER, "threads")
    bench.reference("usual", USUAL, "processes")
    trials: list[Callable[[], Outcome]] = [lambda m=m: trial(bench, m) for m in moments.NAMED]
    trials += [lambda m=m: trial(bench, m, again=True) for m in moments.AGAIN]
    trials += [lambda m=m: trial(bench, m, "processes") for m in moments.IN_POOL]
    for index in range(arguments.random):
        runner = "processes" if index % 4 == 3 else "threads"
        at = rng.uniform(0.02, 1.0) * bench.seconds[runner]
        trials.append(
            lambda r=runner, t=at, i=index: trial(bench, f"at {t:.2f} s", r, kill_after=t, again=i % 5 == 4)
        )
    trials += [lambda t=t: embedded_trial(bench, t) for t in arguments.embedded]
    return trials


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when every trial was recovered and nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a handful of moments, as in the tests")
    parser.add_argument(
        "--random", type=int, default=40, help="deaths at random times (default: %(default)s)"
    )
    parser.add_argument("--embedded", type=float, nargs="*", default=EMBEDDED, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, default=RESULTS)
    arguments = parser.parse_args(argv)
    found = []
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as api_url:
        bench = Bench(Path(folder), api_url)
        for run in plan(bench, arguments):
            outcome = run()
            found.append(outcome)
            state = "recovered" if outcome.fine else "LOST"
            died = "died" if outcome.died else "was not reached"
            print(
                f"{outcome.moment:<52}{outcome.runner:<11}{died:<16}{outcome.leftovers:>3}  {state} "
                f"{outcome.half_made}{outcome.note}",
                flush=True,
            )
    arguments.csv.parent.mkdir(parents=True, exist_ok=True)
    with arguments.csv.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(vars(found[0])))
        writer.writeheader()
        writer.writerows(map(vars, found))
    died, fine = sum(o.died for o in found), sum(o.fine for o in found)
    print(f"{len(found)} trials, {died} died, {fine} recovered, {len(found) - fine} lost")
    return 0 if fine == len(found) and died > len(found) // 2 else 1


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    """The configured Prefect server, or one for all trials."""
    if PREFECT_API_URL.value():
        yield PREFECT_API_URL.value()
        return
    with temporary_settings({PREFECT_HOME: folder / "server"}):
        server = SubprocessASGIServer()
        server.start()
    try:
        yield server.api_url
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
