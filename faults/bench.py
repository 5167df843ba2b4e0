"""The bench: a small acquisition, a Prefect server for all trials, and runs in forks of this process."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_HOME,
    PREFECT_LOCAL_STORAGE_PATH,
    temporary_settings,
)
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner

from faults.outputs import Contents, contents, leftovers
from flows.engine.child_processes import die_with_parent
from flows.engine.runners import Runner, task_runner
from flows.reconstruct import reconstruct
from flows.terminal.exit_codes import exit_code
from schemas.settings import InterpolationSettings, PairwiseSettings, ReconstructSettings
from schemas.simulation import SimulationSettings
from soct_core.registration.elastix import load_elastix
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import simulate
from soct_core.storage.fingerprint import fingerprint

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
SIZE = (50.0, 40.0, 40.0)
DEPTH, SLICES = 4, 6
FAST = PairwiseSettings(max_iterations=64, check_pairs=False, anatomy_span_um=0.0)
USUAL = ReconstructSettings(pairwise=FAST)
OTHER = ReconstructSettings(pairwise=FAST, interpolation=InterpolationSettings(blend_method="linear"))

Prepare = Callable[[], None]


class Bench:
    """An acquisition with one single gap, and what undisturbed runs make of it."""

    def __init__(self, folder: Path, api_url: str) -> None:
        self.folder, self.api_url = folder, api_url
        self.acquisition, self.output = folder / "mouse", folder / "out"
        phantom = PhantomVolume(Phantom.seeded(7), (SLICES * DEPTH, 204, 212), SIZE)
        simulate(phantom, SIZE, SimulationSettings(missing=(2,), drift_px=2.0, seed=3), self.acquisition, "p")
        shutil.copytree(self.acquisition, folder / "untouched")
        self.inputs = fingerprint(self.acquisition)
        self.seconds: dict[str, float] = {}
        self.references: dict[str, Contents] = {}
        load_elastix()  # once for all forks
        self.reference("usual", USUAL, "threads")
        self.reference("usual", USUAL, "threads")  # the first is slower than all others

    def reference(self, name: str, settings: ReconstructSettings, runner: Runner) -> None:
        """An undisturbed run; its outputs are kept aside."""
        self.clear()
        started = time.monotonic()
        if status := self.run(settings, runner):
            raise SystemExit(f"the undisturbed run failed ({status}): {self.said()}")
        self.seconds[runner] = time.monotonic() - started
        self.references[name] = contents(self.output)
        shutil.copytree(self.output, self.folder / f"kept-{name}", dirs_exist_ok=True)

    def clear(self) -> None:
        """No outputs, no cache, and the inputs as they were."""
        for path in (self.output, self.folder / "records"):
            shutil.rmtree(path, ignore_errors=True)
        if not self.untouched():
            self.restore()

    def restore(self) -> None:
        """The inputs as they were."""
        shutil.rmtree(self.acquisition)
        shutil.copytree(self.folder / "untouched", self.acquisition)

    def untouched(self) -> bool:
        """Whether the inputs are still what they were."""
        return fingerprint(self.acquisition) == self.inputs

    def run(
        self,
        settings: ReconstructSettings = USUAL,
        runner: Runner = "threads",
        prepare: Prepare | None = None,
        kill_after: float | None = None,
    ) -> int:
        """Fork, run the flow, and return its exit code, or minus the signal that killed it."""
        child = self.start(settings, runner, prepare)
        if kill_after is not None:
            time.sleep(kill_after)
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        return self.wait(child)

    def start(
        self,
        settings: ReconstructSettings = USUAL,
        runner: Runner = "threads",
        prepare: Prepare | None = None,
    ) -> int:
        """Fork a run, in a process group of its own; `prepare` is called in it, and in its workers."""
        child = os.fork()
        if child:
            return child
        code = 1
        try:
            os.setsid()
            log = os.open(self.folder / f"said-{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            os.dup2(log, 1)
            os.dup2(log, 2)
            code = self._reconstruct(settings, runner, prepare)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def wait(self, child: int) -> int:
        """Exit code of a run that was started."""
        _, status = os.waitpid(child, 0)
        self._last = self.folder / f"said-{child}"
        return os.waitstatus_to_exitcode(status)

    def said(self) -> str:
        """What the last run printed."""
        return self._last.read_text().strip() if self._last.exists() else ""

    def lost(self, wanted: str = "usual", exit_: int = 0) -> str:
        """What is wrong with a recovered state; empty if nothing."""
        if exit_ != 0:
            return f"exit {exit_}: {self.said()[-300:]}"
        found, reference = contents(self.output), self.references[wanted]
        differing = [n for n in {*found, *reference} if found.get(n) != reference.get(n)]
        return " ".join(
            [*(f"differs: {n}" for n in differing), *(f"left: {n}" for n in leftovers(self.output))]
        )

    def _reconstruct(self, settings: ReconstructSettings, runner: Runner, prepare: Prepare | None) -> int:
        if prepare is not None:
            prepare()
        runners: dict[str, TaskRunner[Any]] = {
            "processes": ProcessPoolTaskRunner(
                max_workers=2, initializer=_prepare_worker, initargs=(prepare,)
            ),
            "threads": task_runner("threads", 2),
        }
        changes = {
            PREFECT_API_URL: self.api_url,
            PREFECT_LOCAL_STORAGE_PATH: self.folder / "records",
            PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None,
        }
        with temporary_settings(changes):
            flow = reconstruct.with_options(task_runner=runners[runner])

            def work() -> None:
                flow(acquisition=self.acquisition, output=self.output, settings=settings)

            return exit_code(work)


def _prepare_worker(prepare: Prepare | None) -> None:
    die_with_parent()
    if prepare is not None:
        prepare()


@contextmanager
def bench() -> Iterator[Bench]:
    """A bench in a temporary folder, on the configured Prefect server or one of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if PREFECT_API_URL.value():
            yield Bench(folder, str(PREFECT_API_URL.value()))
            return
        with temporary_settings({PREFECT_HOME: folder / "server"}):
            server = SubprocessASGIServer()
            server.start()
        try:
            yield Bench(folder, server.api_url)
        finally:
            server.stop()
