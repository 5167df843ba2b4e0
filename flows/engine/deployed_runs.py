"""Runs of deployments: they take turns on an output, and the next one tells which of them died.

A slot of Prefect's own would be held by a lease that a restarted server forgets, or that a killed run
leaves behind for minutes. The lock of the output ends with the run's process.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.context import FlowRunContext
from prefect.logging import get_run_logger
from prefect.states import Cancelled, Crashed, Running

from soct_core.errors import AnotherWaitsError
from soct_core.file_names import DEFAULT_ASSESSMENT, DEFAULT_OUTPUT
from soct_core.run.lock import run_lock
from soct_core.run.turn import forget, life_of, sign_of_life, turn

_STARTING = timedelta(minutes=1)
"""A run that is no process here and has given no sign of life by then never will. Chosen by hand."""
_UNFINISHED = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]


@contextmanager
def output_lock(output: Path, command: str) -> Iterator[tuple[str, ...]]:
    """Hold the lock of an output, see `run_lock`; a run of a deployment waits until it is free.

    Raises
    ------
    OutputBusyError
        If another run is at work there, and this one is no run of a deployment.
    AnotherWaitsError
        If it is a run of a deployment and another one waits to do the same.
    """
    run = _deployed_run()
    if run is None:
        with run_lock(output, command) as missing:
            yield missing
        return

    waited = False

    def waits(why: str) -> None:
        nonlocal waited
        waited = True
        get_run_logger().info("waits: %s", why)
        _tell(run.id, Running(name="Waiting", message=why))

    with (
        sign_of_life(output, str(run.id)),
        turn(output, command, _work_of(run), waits) as missing,
    ):
        if waited:
            # Prefect counts how often a run starts to run: one that never waited has started once.
            _tell(run.id, Running())
        _tell_of_the_dead(run, output)
        try:
            yield missing
        finally:
            # Of those too that seemed to start when this one began.
            _tell_of_the_dead(run, output)


def deployment_name() -> str:
    """Name of the deployment that this is a run of; empty where it is none."""
    run = _deployed_run()
    if run is None or run.deployment_id is None:
        return ""
    with suppress(Exception), get_client(sync_client=True) as client:
        return client.read_deployment(run.deployment_id).name
    return ""


def add_tags(tags: Iterable[str]) -> None:
    """Tag this flow run: what is shown of it is no part of the work."""
    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    if run is not None and (new := sorted({*tags} - {*run.tags})):
        with suppress(Exception), get_client(sync_client=True) as client:
            client.update_flow_run(run.id, tags=[*run.tags, *new])


def gave_way(why: AnotherWaitsError) -> State[Any]:
    """The state of a run that left the work to another that waits for it."""
    return Cancelled(message=f"not needed: {why}")


def _deployed_run() -> FlowRun | None:
    context = FlowRunContext.get()
    run = context.flow_run if context is not None else None
    return run if run is not None and run.deployment_id is not None else None


def _work_of(run: FlowRun) -> str:
    given = json.dumps(run.parameters, sort_keys=True, default=str)
    return hashlib.blake2b(given.encode(), digest_size=16).hexdigest()


def _tell(run: UUID, state: State[Any]) -> None:
    # It is only shown: the run goes on whether the server hears it or not.
    with suppress(Exception), get_client(sync_client=True) as client:
        client.set_flow_run_state(run, state, force=True)


def _tell_of_the_dead(mine: FlowRun, output: Path) -> None:
    """Set the state of runs whose process is gone; only for who holds the lock of the output."""
    with suppress(Exception), get_client(sync_client=True) as client:
        others = client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[mine.deployment_id or mine.id])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNFINISHED))
            ),
        )
        for run in others:
            if run.id != mine.id and output in _outputs_of(run) and _is_dead(run, output):
                message = f"its process died; run {mine.name} found it so"
                cancelled = run.state_type == StateType.CANCELLING
                _tell(run.id, Cancelled(message=message) if cancelled else Crashed(message=message))
                forget(output, str(run.id))


def _outputs_of(run: FlowRun) -> list[Path]:
    """The output of a run, as far as its parameters say: by default its flow decides which."""
    given, acquisition = run.parameters.get("output"), Path(run.parameters.get("acquisition", ""))
    found = [Path(given)] if given else [acquisition / name for name in (DEFAULT_OUTPUT, DEFAULT_ASSESSMENT)]
    return [path.expanduser().absolute() for path in found]


def _is_dead(run: FlowRun, output: Path) -> bool:
    life = life_of(output, str(run.id))
    if life != "no sign":
        return life == "dead"
    since = run.state.timestamp if run.state is not None else datetime.now(UTC)
    return datetime.now(UTC) - since > _STARTING and not _is_process_here(run)


def _is_process_here(run: FlowRun) -> bool:
    """Whether a worker on this host has started a process for a run."""
    mark = f"PREFECT__FLOW_RUN_ID={run.id}".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in environment.read_bytes():
                return True
    return False
