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
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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

from faults.direct import without_engine
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
from soct_core.volume import level_grids

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
SIZE = (50.0, 40.0, 40.0)
DEPTH = 4
SMALLEST_PARTS = 2**14
"""Bytes; so that a volume of this size is made in parts too."""
FAST = PairwiseSettings(max_iterations=64, check_pairs=False, anatomy_span_um=0.0)
USUAL = ReconstructSettings(pairwise=FAST)
OTHER = ReconstructSettings(pairwise=FAST, interpolation=InterpolationSettings(blend_method="linear"))

Prepare = Callable[[], None]
Engine = Runner | Literal["direct"]
"""Prefect with one of its runners, or none of it."""


@dataclass(frozen=True)
class Acquired:
    """The acquisition that is reconstructed."""

    slices: int = 6
    missing: int = 2
    plane: tuple[int, int] = (204, 212)


SMALLEST = Acquired(3, 1, (102, 106))
"""One gap, a pair on each side of it and its bridge."""


class Bench:
    """An acquisition with one single gap, and what undisturbed runs make of it."""

    def __init__(self, folder: Path, api_url: str, acquired: Acquired = Acquired()) -> None:
        self.folder, self.api_url = folder, api_url
        self.acquisition, self.output = folder / "mouse", folder / "out"
        size = SIZE[0], SIZE[1] * 204 / acquired.plane[0], SIZE[2] * 212 / acquired.plane[1]
        phantom = PhantomVolume(Phantom.seeded(7), (acquired.slices * DEPTH, *acquired.plane), size)
        asked = SimulationSettings(missing=(acquired.missing,), drift_px=2.0, seed=3)
        simulate(phantom, size, asked, self.acquisition, "p")
        shutil.copytree(self.acquisition, folder / "untouched")
        self.inputs = fingerprint(self.acquisition)
        self.seconds: dict[str, float] = {}
        self.references: dict[str, Contents] = {}
        # Once for all forks.
        load_elastix()
        self._call(USUAL)

    def reference(self, name: str, settings: ReconstructSettings, runner: Engine) -> None:
        """An undisturbed run; its outputs are kept aside."""
        self.clear()
        started = time.monotonic()
        if status := self.run(settings, runner):
            raise SystemExit(f"the undisturbed run failed ({status}): {self.said()}")
        self.seconds[runner] = time.monotonic() - started
        self.keep(name)

    def keep(self, name: str) -> None:
        """Keep the outputs of an undisturbed run aside."""
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
        runner: Engine = "threads",
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
        runner: Engine = "threads",
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

    def _reconstruct(self, settings: ReconstructSettings, runner: Engine, prepare: Prepare | None) -> int:
        if prepare is not None:
            prepare()
        if runner == "direct":
            return self._call(settings)
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

    def _call(self, settings: ReconstructSettings) -> int:
        with without_engine() as flow:
            level_grids.PART_BYTES = SMALLEST_PARTS
            return exit_code(
                lambda: flow(acquisition=self.acquisition, output=self.output, settings=settings)
            )


def _prepare_worker(prepare: Prepare | None) -> None:
    die_with_parent()
    if prepare is not None:
        prepare()


@contextmanager
def bench(acquired: Acquired = Acquired(), *, served: bool = True) -> Iterator[Bench]:
    """A bench in a temporary folder, on the configured Prefect server or one of its own, or without one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if PREFECT_API_URL.value() or not served:
            yield Bench(folder, str(PREFECT_API_URL.value()), acquired)
            return
        with temporary_settings({PREFECT_HOME: folder / "server"}):
            server = SubprocessASGIServer()
            server.start()
        try:
            yield Bench(folder, server.api_url, acquired)
        finally:
            server.stop()
