"""`prefect flow-run retry` of a run that has no deployment makes again what failed, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from obstructed_outputs import DEPENDING, FAILING, clear, obstruct
from phantom_acquisition import cut_phantom
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateName
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, PREFECT_LOCAL_STORAGE_PATH, temporary_settings
from prefect_service import Service

from flows.engine import tasks
from flows.engine.runners import task_runner
from flows.reconstruct import reconstruct
from schemas.run_record import RunRecord
from soct_core.errors import StageFailedError
from soct_core.file_names import name_of


@contextmanager
def closing_events() -> Iterator[None]:
    try:
        yield
    finally:
        EventsWorker.drain_all()


def test_retry_by_command(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acquisition = cut_phantom(tmp_path / "mouse")
    output = acquisition / "reconstruction"
    obstruct(output)
    for bound in (tasks.interpolate_missing_slice, tasks.register_pair):
        monkeypatch.setattr(bound.prefect_task, "retries", 0)
    used_by_the_command = {
        PREFECT_API_URL: service.api_url,
        PREFECT_LOCAL_STORAGE_PATH: service.home / "storage",
    }
    # The worker that sends events keeps to the server that it met first; later tests have another.
    with closing_events(), temporary_settings(used_by_the_command), get_client(sync_client=True) as client:
        with pytest.raises(StageFailedError):
            reconstruct.with_options(task_runner=task_runner("threads", 2))(acquisition=acquisition)
        failed = FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Failed"])))
        (run,) = client.read_flow_runs(flow_run_filter=failed)
        assert run.name == name_of(acquisition)
        clear(output)
        service.run(
            *service.prefect("flow-run", "retry", str(run.id)),
            "--entrypoint",
            "flows/reconstruct/flow.py:reconstruct",
        )
        again = client.read_flow_run(run.id)
    assert (again.state_name, again.run_count) == ("Completed", 2)
    record = RunRecord.model_validate_json((output / "run.json").read_bytes())
    assert record.outcome == "completed"
    assert {task.name for task in record.tasks if not task.cached} == FAILING | DEPENDING
