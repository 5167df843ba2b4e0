"""The state of a deployment: as a file wants it, as the server has it, and what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect.client.schemas.responses import DeploymentResponse

from deployments.prefect_yaml import Common
from schemas.contract import Contract
from schemas.deployment import AcquisitionDeployment, CronTimes

RECONSTRUCT, ASSESS = "reconstruct", "assess"
"""Names of the flows that files deploy."""
SCORED_CONFIG = "scored.csv"
_ENTRYPOINT_OF_ASSESS = "flows/assess/flow.py:assess"
TAG = "from-file"
"""Marks the deployments that `sync` made; it pauses no others."""
_WORKING_DIRECTORY = "prefect.deployments.steps.set_working_directory"


class State(Contract):
    """All that `sync` sets of a deployment, in plain values that can be compared."""

    flow: str
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
    def label(self) -> str:
        """What messages call it: the name of its file, with the flow where that is another."""
        return self.name if self.flow == RECONSTRUCT else f"{self.flow}/{self.name}"

    @property
    def pull_steps(self) -> list[dict[str, Any]]:
        """What a worker does first."""
        return [{_WORKING_DIRECTORY: {"directory": self.directory}}]


def wanted(one: AcquisitionDeployment, common: Common, root: Path, forms: dict[str, Any]) -> list[State]:
    """The states that a file asks for.

    Parameters hold what the file sets and nothing else, so that defaults stay those of the code.

    Parameters
    ----------
    forms
        JSON schema of the parameters, by the name of the flow.
    """
    both = {"acquisition", "shifts", "voxel_size_um"}
    own = {"output", "allow_missing", "settings"}
    parameters = one.model_dump(mode="json", include=both | own, exclude_unset=True)
    states = [_state(one, common, root, parameters, forms[RECONSTRUCT])]
    if one.assess is not None:
        out = one.assess.slice_config_out or one.acquisition / SCORED_CONFIG
        parameters = {
            **one.model_dump(mode="json", include=both, exclude_unset=True),
            **one.assess.model_dump(mode="json", exclude={"schedule"}, exclude_unset=True),
            "slice_config_out": str(out),
        }
        made = _state(one, common, root, parameters, forms[ASSESS])
        update = {
            "flow": ASSESS,
            "description": f"Assess the slices of {one.acquisition}.",
            "entrypoint": _ENTRYPOINT_OF_ASSESS,
            **_times(one.assess.schedule),
        }
        states.append(made.model_copy(update=update))
    return states


def _times(schedule: CronTimes | None) -> dict[str, str | None]:
    return {
        "cron": schedule.cron if schedule else None,
        "timezone": schedule.timezone if schedule else None,
    }


def _state(
    one: AcquisitionDeployment, common: Common, root: Path, parameters: dict[str, Any], form: dict[str, Any]
) -> State:
    return State(
        flow=RECONSTRUCT,
        name=one.name,
        description=one.description or f"Reconstruct {one.acquisition}.",
        tags=tuple(sorted({TAG, *one.tags})),
        paused=not one.enabled,
        **_times(one.schedule),
        parameters=parameters,
        directory=str(root),
        entrypoint=common.entrypoint,
        work_pool=common.work_pool.name,
        limit=None,
        environment=common.job_variables.env,
        form=form,
    )


def found(flow: str, response: DeploymentResponse) -> State:
    """The state that the server has; a schedule made or switched off by hand shows as a difference."""
    schedules = [s.schedule for s in response.schedules if s.active]
    cron = getattr(schedules[0], "cron", repr(schedules[0])) if schedules else None
    if len(schedules) > 1:
        cron = f"{len(schedules)} schedules"
    limit = response.global_concurrency_limit
    steps = response.pull_steps or [{}]
    return State(
        flow=flow,
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
