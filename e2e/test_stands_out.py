"""A hard skip, an unreliable pair and a low score stand out on the pages of a run; no link is dead."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from browser import Browser
from phantom_acquisition import cut_phantom
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect_service import Service, prefect_worker, wait_for

from schemas.simulation import SimulationSettings

_STRICT = """
[settings.interpolation]
min_post_correlation = 1.0
[settings.pairwise]
z_correlation_warn = 1.0
z_correlation_error = 1.0
[assess]
"""
"""Limits of a reconstruction that nothing reaches; and an assessment."""
_SPOILED = SimulationSettings(slices=6, missing=(1,), spoiled=(4,), drift_px=2.0, seed=3)
_LINKS = """
return [...document.querySelectorAll('main a, .artifact a, article a')].map(a => a.getAttribute('href'))
  .filter(to => to && !to.startsWith('/') && !to.startsWith('#') && !to.startsWith('http'));
"""
"""Links of a page that a server cannot answer: of files, or relative to nothing."""


@pytest.fixture(scope="module")
def strict(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An acquisition with a slice of noise, under limits that nothing reaches, deployed as `mouse-13`."""
    folder = tmp_path_factory.mktemp("strict")
    acquisition = cut_phantom(folder / "mouse-13", _SPOILED)
    (folder / "mouse-13.toml").write_text(f'acquisition = "{acquisition}"\n{_STRICT}')
    service.run(service.python, "-m", "deployments.sync", "--directory", str(folder))
    return folder


def finished(client: SyncPrefectClient, flow: str) -> UUID:
    """A run of a deployment, once it ended well."""
    run = client.create_flow_run_from_deployment(client.read_deployment_by_name(f"{flow}/mouse-13").id).id

    def ended() -> str | None:
        state = client.read_flow_run(run).state
        return state.name if state is not None and state.is_final() else None

    assert wait_for(ended, f"{flow} to end", seconds=900) == "Completed"
    return run


def state_names(client: SyncPrefectClient, run: UUID) -> set[str | None]:
    only = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
    return {task_run.state_name for task_run in client.read_task_runs(flow_run_filter=only)}


def test_what_stands_out_is_seen(
    client: SyncPrefectClient, service: Service, strict: Path, chromium: Browser
) -> None:
    with prefect_worker(service, "local", strict / "worker.log"):
        reconstructed, assessed = (finished(client, flow) for flow in ("reconstruct", "assess"))
    for run, states, tags in (
        (reconstructed, ("Hard skip", "Unreliable"), ("hard-skip", "unreliable-pair")),
        (assessed, ("Low score",), ("low-score",)),
    ):
        wait_for(lambda run=run, states=states: {*states} <= state_names(client, run), f"states {states}")
        assert {*tags} <= {*client.read_flow_run(run).tags}
        chromium.open(f"/runs/flow-run/{run}", shows=tags[0])
        for tag in tags[1:]:
            chromium.wait_for_text(tag)
        chromium.picture(tags[0])
        assert chromium.driver.execute_script(_LINKS) == []
    ids = {one.key: one.id for one in client.read_artifacts() if one.flow_run_id == reconstructed}
    shown = {"z01": "Slice 01: hard skip", "slices": "Slices, outcomes", "files": "run.json"}
    for key, text in shown.items():
        chromium.open(f"/artifacts/artifact/{ids[f'mouse-13-{key}']}", shows=text)
        chromium.picture(f"skipped-{key}")
        assert chromium.driver.execute_script(_LINKS) == []
        page = chromium.driver.execute_script("return document.body.innerText")
        assert key == "files" or "low_post_ncc: NCC" in page
