"""One interpolation and one pair fail; the button in the UI makes them, and what hangs on them, again."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from browser import Browser
from obstructed_outputs import DEPENDING, FAILING, clear
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun
from prefect_service import wait_for

from flows.engine.artifacts import progress_key
from schemas.run_record import RunRecord


def finished(client: SyncPrefectClient, run: UUID, count: int) -> FlowRun:
    """The flow run, once its attempt number `count` has ended."""

    def ended() -> FlowRun | None:
        found = client.read_flow_run(run)
        over = found.state is not None and found.state.is_final() and found.run_count == count
        return found if over else None

    return wait_for(ended, f"attempt {count} of flow run {run} to end", seconds=600)


def task_states(client: SyncPrefectClient, run: UUID) -> dict[str, set[str]]:
    """The states that the task runs of each name ended in, all attempts together."""
    only = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
    states: dict[str, set[str]] = {}
    for task_run in client.read_task_runs(flow_run_filter=only):
        states.setdefault(task_run.name, set()).add(task_run.state_name or "")
    return states


def settled(client: SyncPrefectClient, run: UUID) -> dict[str, set[str]] | None:
    """The states of all task runs, once the server has heard of the end of each."""
    states = task_states(client, run)
    over = states.keys() >= FAILING and set().union(*states.values()) <= {"Completed", "Failed"}
    return states if over else None


def test_retry_button_makes_again_what_failed_and_nothing_else(
    client: SyncPrefectClient, deployed: Path, chromium: Browser
) -> None:
    deployment = client.read_deployment_by_name("reconstruct/mouse-12")
    chromium.open("/deployments", shows="mouse-12")
    chromium.picture("deployments")
    chromium.open(f"/deployments/deployment/{deployment.id}", shows="Concurrency Limit")
    chromium.picture("deployment")
    chromium.open(f"/deployments/deployment/{deployment.id}/run", shows="min_ncc_improvement")
    chromium.picture("form")
    chromium.picture("form-settings", at="max_iterations")
    run = client.create_flow_run_from_deployment(deployment.id).id

    failed = finished(client, run, count=1)
    assert failed.state_name == "Failed"
    assert failed.name == "mouse-12"
    states = wait_for(lambda: settled(client, run), "all task runs to have ended")
    assert {name for name, ends in states.items() if ends == {"Failed"}} == FAILING
    assert all(ends == {"Completed"} for name, ends in states.items() if name not in FAILING)
    assert not (deployed / "reconstruction" / "stack").exists()
    chromium.open(f"/runs/flow-run/{run}", shows="register z03-z04")
    chromium.picture("failed-run")

    clear(deployed / "reconstruction")
    chromium.click("Retry")
    chromium.wait_for_text("Retry mouse-12?")
    chromium.picture("retry")
    chromium.click("Retry", within="//*[contains(@class,'p-modal__footer')]")
    assert finished(client, run, count=2).state_name == "Completed"
    record = RunRecord.model_validate_json((deployed / "reconstruction" / "run.json").read_bytes())
    assert {task.name for task in record.tasks if not task.cached} == FAILING | DEPENDING
    chromium.open(f"/runs/flow-run/{run}", shows="Completed")
    chromium.picture("retried-run")

    chromium.open("/artifacts", shows="mouse-12-z02")
    chromium.picture("artifacts")
    shown = {
        "mouse-12-slices": "gap of 2 slices",
        "mouse-12-z02": "interpolated",
        "mouse-12-files": "run.json",
        progress_key(deployed.resolve() / "reconstruction", "stack"): "100",
    }
    ids = {artifact.key: artifact.id for artifact in client.read_artifacts()}
    assert set(shown) <= set(ids)
    for key, text in shown.items():
        chromium.open(f"/artifacts/artifact/{ids[key]}", shows=text)
        named = key if key in ("mouse-12-slices", "mouse-12-z02", "mouse-12-files") else "mouse-12-stack"
        chromium.picture(named.replace("mouse-12", "artifact"))
