"""Faults made real on disk, and workers that die: what the run says, and what a second run redoes."""

from __future__ import annotations

import multiprocessing
import threading
import time
from pathlib import Path
from uuid import UUID

import pytest
from obstructed_outputs import DEPENDING, FAILING, FAULTS, clear, obstruct
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateName,
)
from prefect.context import FlowRunContext

from flows.engine import tasks
from flows.engine.runners import task_runner
from flows.terminal.listener import Silent, listener
from schemas.run_record import RunRecord
from soct_core.errors import StageFailedError
from soct_core.file_names import STATE_FOLDER


def record_of(output: Path) -> RunRecord:
    return RunRecord.model_validate_json((output / "run.json").read_bytes())


def test_one_interpolation_and_one_pair_fail_and_only_they_are_done_again(
    acquisition: Path, reconstruct, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bound in (tasks.interpolate_missing_slice, tasks.register_pair):
        monkeypatch.setattr(bound.prefect_task, "retries", 0)
    output = acquisition / "reconstruction"
    obstruct(output)
    with pytest.raises(StageFailedError) as failed:
        reconstruct(acquisition=acquisition)
    assert "interpolate_missing_slice: 1 of 1 tasks failed: interpolate z02: " in str(failed.value)
    assert "register_pair: 1 of 9 tasks failed: register z03-z04: " in str(failed.value)
    first = {task.name: task.state for task in record_of(output).tasks}
    assert {name for name, state in first.items() if state != "Completed"} == FAILING
    # Pairs of the slice that is not there yet wait for it; nothing partial is finalised or stacked.
    assert not {"register z01-z02", "register z02-z03", "stack"} & first.keys()
    assert not (output / "stack").exists()
    assert not (output / "slice_config_final.csv").exists()

    clear(output)
    reconstruct(acquisition=acquisition)
    again = record_of(output)
    assert {task.name for task in again.tasks if not task.cached} == FAILING | DEPENDING
    assert again.outcome == "completed"


class Killer(Silent):
    """Kills every worker process as soon as Prefect says that one of them registers a pair."""

    def __init__(self) -> None:
        self.flow_run: UUID | None = None

    def stage(self, name: str, total: int) -> None:
        context = FlowRunContext.get()
        assert context is not None
        self.flow_run = context.flow_run.id
        if name == "register_pair":
            threading.Thread(target=self._kill_busy_workers, daemon=True).start()

    def in_state(self, state: str) -> list[str]:
        """Names of the task runs of this flow run that Prefect believes to be in a state."""
        states = TaskRunFilterState(name=TaskRunFilterStateName(any_=[state]))
        # Not of others: runs that other tests killed stay Running for ever.
        mine = FlowRunFilter(id=FlowRunFilterId(any_=[self.flow_run]))
        with get_client(sync_client=True) as client:
            found = client.read_task_runs(flow_run_filter=mine, task_run_filter=TaskRunFilter(state=states))
        return [run.name for run in found]

    def _kill_busy_workers(self) -> None:
        while not self.in_state("Running"):
            time.sleep(0.05)
        for child in multiprocessing.active_children():
            child.kill()


def test_a_killed_worker_is_a_crashed_task_and_a_clear_line(acquisition: Path, prefect_server: None) -> None:
    from flows.reconstruct import reconstruct as flow

    killer = Killer()
    token = listener.set(killer)
    try:
        with pytest.raises(StageFailedError, match=r"^register_pair: a worker process died"):
            flow.with_options(task_runner=task_runner("processes", 1))(acquisition=acquisition)
    finally:
        listener.reset(token)
    record = record_of(acquisition / "reconstruction")
    states = {task.name: task.state for task in record.tasks}
    assert states.pop("interpolate z02") == "Completed"
    assert "Crashed" in states.values()
    assert "Failed" not in states.values()
    assert record.outcome == "failed"
    # Nobody is left who would ever end them.
    deadline = time.monotonic() + 30
    while killer.in_state("Running") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert killer.in_state("Running") == []
    assert set(killer.in_state("Crashed")) <= {name for name, state in states.items() if state == "Crashed"}
    assert killer.in_state("Crashed")


def test_a_record_that_cannot_be_written_does_not_hide_the_first_error(
    acquisition: Path, reconstruct, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.interpolate_missing_slice.prefect_task, "retries", 0)
    output = acquisition / "reconstruction"
    (output / FAULTS[0] / "in the way").mkdir(parents=True)
    (output / "run.json" / "in the way").mkdir(parents=True)
    # An output of an earlier run: any other with a run.json is refused.
    (output / STATE_FOLDER).mkdir()
    with pytest.raises(StageFailedError, match="interpolate z02: "):
        reconstruct(acquisition=acquisition)
