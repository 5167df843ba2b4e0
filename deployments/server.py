"""What `sync` asks of a Prefect server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from httpx import HTTPError
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
from prefect.client.schemas.filters import FlowFilter, FlowFilterName
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.settings import PREFECT_API_URL
from prefect.workers.process import ProcessWorker

from deployments.state import State
from flows.engine.prefect_environment import refuse_unreachable_api
from soct_core.errors import DeploymentError, ServerError

_PAGE = 100


@contextmanager
def configured_server() -> Iterator[SyncPrefectClient]:
    """The server that `PREFECT_API_URL` names.

    Raises
    ------
    DeploymentError
        If it names none: an embedded server would be gone with this process.
    ServerError
        If the server cannot be reached or refuses.
    """
    url = PREFECT_API_URL.value()
    if not url:
        raise DeploymentError("PREFECT_API_URL is not set, wanted as http://127.0.0.1:4200/api")
    refuse_unreachable_api()
    try:
        with get_client(sync_client=True) as client:
            yield client
    except (HTTPError, PrefectException, RuntimeError) as error:
        text = " ".join(str(error).split())
        raise ServerError(f"Prefect server at {url}: {text}; is it running?") from error


def deployments_of(client: SyncPrefectClient, flow: str) -> dict[str, DeploymentResponse]:
    """All deployments of a flow, by name."""
    only = FlowFilter(name=FlowFilterName(any_=[flow]))
    found: dict[str, DeploymentResponse] = {}
    while page := client.read_deployments(flow_filter=only, limit=_PAGE, offset=len(found)):
        found |= {one.name: one for one in page}
    return found


def has_pool(client: SyncPrefectClient, name: str) -> bool:
    """Whether a work pool is there, of whatever type."""
    try:
        client.read_work_pool(name)
    except ObjectNotFound:
        return False
    return True


def make_pool(client: SyncPrefectClient, name: str) -> None:
    """Create a work pool of processes."""
    template = ProcessWorker.get_default_base_job_template()
    client.create_work_pool(WorkPoolCreate(name=name, type=ProcessWorker.type, base_job_template=template))


def put(client: SyncPrefectClient, state: State) -> None:
    """Create a deployment, or replace all that `State` holds of it."""
    schedules = [] if state.cron is None else [CronSchedule(cron=state.cron, timezone=state.timezone)]
    client.create_deployment(
        flow_id=client.create_flow_from_name(state.flow),
        name=state.name,
        description=state.description,
        tags=list(state.tags),
        paused=state.paused,
        schedules=[DeploymentScheduleCreate(schedule=schedule, active=True) for schedule in schedules],
        parameters=state.parameters,
        pull_steps=state.pull_steps,
        entrypoint=state.entrypoint,
        work_pool_name=state.work_pool,
        concurrency_limit=state.limit,
        job_variables={"env": state.environment},
        parameter_openapi_schema=state.form,
        enforce_parameter_schema=True,
    )
