"""The state of a deployment: as a file wants it, as the server has it, and what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect.client.schemas.responses import DeploymentResponse

from deployments.prefect_yaml import Common
from schemas.contract import Contract
from schemas.deployment import AcquisitionDeployment

TAG = "from-file"
"""Marks the deployments that `sync` made; it pauses no others."""
_WORKING_DIRECTORY = "prefect.deployments.steps.set_working_directory"


class State(Contract):
    """All that `sync` sets of a deployment, in plain values that can be compared."""

    name: str
    description: str
    tags: tuple[str, ...]
    paused: bool
    cron: str | None
    timezone: str | None
    parameters: dict[str, Any]
    directory: str | None
    entrypoint: str | None
    work_pool: str | None
    limit: int | None
    """Slots of Prefect's; none: runs take turns on the lock of their output."""
    environment: dict[str, str]
    """Variables of the run's process."""
    form: dict[str, Any]
    """JSON schema of the parameters: the form in the UI."""

    @property
    def pull_steps(self) -> list[dict[str, Any]]:
        """What a worker does first."""
        return [{_WORKING_DIRECTORY: {"directory": self.directory}}]


def wanted(one: AcquisitionDeployment, common: Common, root: Path, form: dict[str, Any]) -> State:
    """The state that a file asks for.

    Parameters hold what the file sets and nothing else, so that defaults stay those of the code.
    """
    parameters = one.model_dump(
        mode="json",
        include={"acquisition", "output", "shifts", "voxel_size_um", "allow_missing", "settings"},
        exclude_unset=True,
    )
    return State(
        name=one.name,
        description=one.description or f"Reconstruct {one.acquisition}.",
        tags=tuple(sorted({TAG, *one.tags})),
        paused=not one.enabled,
        cron=one.schedule.cron if one.schedule else None,
        timezone=one.schedule.timezone if one.schedule else None,
        parameters=parameters,
        directory=str(root),
        entrypoint=common.entrypoint,
        work_pool=common.work_pool.name,
        limit=None,
        environment=common.job_variables.env,
        form=form,
    )


def found(response: DeploymentResponse) -> State:
    """The state that the server has; a schedule made or switched off by hand shows as a difference."""
    schedules = [s.schedule for s in response.schedules if s.active]
    cron = getattr(schedules[0], "cron", repr(schedules[0])) if schedules else None
    if len(schedules) > 1:
        cron = f"{len(schedules)} schedules"
    limit = response.global_concurrency_limit
    steps = response.pull_steps or [{}]
    return State(
        name=response.name,
        description=response.description or "",
        tags=tuple(sorted(response.tags)),
        paused=response.paused,
        cron=cron,
        timezone=getattr(schedules[0], "timezone", None) if schedules else None,
        parameters=response.parameters,
        directory=steps[0].get(_WORKING_DIRECTORY, {}).get("directory"),
        entrypoint=response.entrypoint,
        work_pool=response.work_pool_name,
        limit=limit.limit if limit else None,
        environment=(response.job_variables or {}).get("env", {}),
        form=response.parameter_openapi_schema or {},
    )


def differences(old: State, new: State) -> list[str]:
    """What must change, a phrase each."""
    before, after = old.model_dump(), new.model_dump()
    changed = [name for name in after if before[name] != after[name]]
    return [
        "parameter form" if name == "form" else f"{name} {before[name]!r} to {after[name]!r}"
        for name in changed
    ]
