"""Whatever runs the tasks, and how many at once, the output is the same and the server is one."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from outputs import Contents, contents
from phantom_acquisition import SIZE

from flows.engine.runners import Runner, lost_worker, task_runner
from flows.reconstruct import reconstruct
from flows.terminal.listener import Silent, listener
from schemas.settings import PairwiseSettings, ReconstructSettings
from schemas.simulation import SimulationSettings
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import simulate

SLICES, DEPTH = 5, 4
SETTINGS = ReconstructSettings(pairwise=PairwiseSettings(max_iterations=32, anatomy_span_um=0.0))


class Watched(Silent):
    """Looks at our descendants whenever a task has ended: its workers are alive then."""

    def __init__(self) -> None:
        self.servers: set[int] = set()
        self.workers: set[int] = set()
        self.threads_allowed: set[str | None] = set()

    def done(self, name: str, state: str, seconds: float, reason: str, *, hard_skip: bool) -> None:
        for process in psutil.Process().children(recursive=True):
            try:
                command, environment = " ".join(process.cmdline()), process.environ()
            except psutil.Error:
                continue
            if "prefect.server" in command:
                self.servers.add(process.pid)
            elif "spawn_main" in command:
                self.workers.add(process.pid)
                names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
                self.threads_allowed |= {environment.get(name) for name in names}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five slices that drift, the third a gap."""
    folder = tmp_path_factory.mktemp("runners") / "mouse"
    phantom = PhantomVolume(Phantom.seeded(7), (SLICES * DEPTH, 96, 108), SIZE)
    simulate(phantom, SIZE, SimulationSettings(missing=(2,), drift_px=2.0, seed=3), folder, "phantom")
    return folder


def made_by(acquisition: Path, runner: Runner, workers: int) -> tuple[Contents, Watched]:
    """What a runner makes of an acquisition, all anew and always in the same place."""
    watched = Watched()
    token = listener.set(watched)
    try:
        flow = reconstruct.with_options(task_runner=task_runner(runner, workers))
        result = flow(acquisition=acquisition, settings=SETTINGS, fresh=True)
    finally:
        listener.reset(token)
    return contents(result.output), watched


@pytest.fixture(scope="module")
def wanted(prefect_server: None, tiny: Path) -> Contents:
    """The output of one thread."""
    found, _ = made_by(tiny, "threads", 1)
    assert {"stack/3d_volume.ome.zarr", "slice_config_final.csv"} <= set(found)
    assert sum(name.endswith("transform.json") for name in found) >= 2
    return found


@pytest.mark.parametrize(
    ("runner", "workers"),
    [("threads", 2), ("processes", 2), ("dask", 2)],
)
def test_the_output_is_the_same_and_the_server_is_one(
    wanted: Contents, tiny: Path, runner: Runner, workers: int
) -> None:
    found, watched = made_by(tiny, runner, workers)
    assert found == wanted
    assert len(watched.servers) == 1
    if runner == "threads":
        assert not watched.workers
    else:
        # A pool starts its workers as tasks come; Python adds a process that tracks resources.
        assert 1 <= len(watched.workers) <= workers
        assert watched.threads_allowed == {"1"}


def test_what_dask_loses_is_a_lost_worker() -> None:
    from distributed.client import FutureCancelledError
    from distributed.scheduler import KilledWorker

    assert "took several Dask workers" in str(lost_worker(KilledWorker("k", None, 3)))
    assert "scheduler" in str(lost_worker(FutureCancelledError("k", "scheduler-connection-lost")))
    assert lost_worker(ValueError("the task's own")) is None
