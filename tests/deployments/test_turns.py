"""Runs of a deployment: the next one tells of those before it whose process is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Cancelling, Pending, Running
from prefect_service import CHECKOUT, Service

from deployments.sync import sync
from flows.engine import deployed_runs as module
from flows.engine.deployed_runs import output_lock
from soct_core.errors import OutputBusyError
from soct_core.run.lock import run_lock

SIGN = """
import sys, time
from pathlib import Path
from soct_core.run.turn import sign_of_life
with sign_of_life(Path(sys.argv[1]), sys.argv[2]):
    print("alive", flush=True)
    time.sleep(600)
"""


class Deployed:
    """A deployment, and runs of it whose processes are stand-ins."""

    def __init__(self, client: SyncPrefectClient, folder: Path) -> None:
        self.client, self.output = client, folder / "mouse" / "reconstruction"
        (folder / "mouse.toml").write_text(f'acquisition = "{folder / "mouse"}"\n')
        list(sync(folder, CHECKOUT))
        self.deployment = client.read_deployment_by_name("reconstruct/mouse").id
        self.processes: list[subprocess.Popen[bytes]] = []

    def run(self, state: State, **parameters: object) -> FlowRun:
        run = self.client.create_flow_run_from_deployment(self.deployment, parameters=parameters)
        self.client.set_flow_run_state(run.id, state, force=True)
        return self.client.read_flow_run(run.id)

    def alive(self, run: FlowRun) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", SIGN, str(self.output), str(run.id)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        )
        self.processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"alive\n"
        return process

    def state_of(self, run: FlowRun) -> str:
        return str(self.client.read_flow_run(run.id).state_name)


@pytest.fixture
def deployed(service: Service, folder: Path) -> Iterator[Deployed]:
    with temporary_settings({PREFECT_API_URL: service.api_url}), get_client(sync_client=True) as client:
        found = Deployed(client, folder)
        yield found
        for process in found.processes:
            process.kill()
            process.communicate()
        client.delete_deployment(found.deployment)


def test_the_next_run_tells_of_the_dead_and_of_nobody_else(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = deployed.run(Running())
    killed, cancelled, waiting = (deployed.run(state) for state in (Running(), Cancelling(), Running()))
    elsewhere, starting = deployed.run(Running(), output="/another/output"), deployed.run(Pending())
    for run in (killed, cancelled, waiting):
        process = deployed.alive(run)
        if run is not waiting:
            process.kill()
            process.wait()
    monkeypatch.setattr(module, "_deployed_run", lambda: mine)
    with output_lock(deployed.output, "mine"):
        assert [deployed.state_of(run) for run in (killed, cancelled)] == ["Crashed", "Cancelled"]
        assert [deployed.state_of(run) for run in (mine, waiting, elsewhere)] == ["Running"] * 3
        assert deployed.state_of(starting) == "Pending"
        with pytest.raises(OutputBusyError, match="mine"):
            run_lock(deployed.output, "another").__enter__()
    monkeypatch.setattr(module, "_STARTING", module.timedelta(0))
    with output_lock(deployed.output, "mine"):
        assert deployed.state_of(starting) == "Crashed"
        assert deployed.state_of(waiting) == "Running"


def test_a_run_of_no_deployment_does_not_wait(tmp_path: Path) -> None:
    assert FlowRunContext.get() is None
    with run_lock(tmp_path, "one"), pytest.raises(OutputBusyError, match="one"):
        output_lock(tmp_path, "two").__enter__()
