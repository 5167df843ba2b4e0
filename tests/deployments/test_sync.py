"""Sync makes a real server match the files, says what it did, and does it once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.client.schemas.responses import DeploymentResponse
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.types._datetime import now
from prefect_service import CHECKOUT, Service, wait_for

from deployments import sync as command
from deployments.sync import sync

HOURLY = '[schedule]\ncron = "0 * * * *"\ntimezone = "Europe/Zurich"\n'


@pytest.fixture
def client(service: Service) -> Iterator[SyncPrefectClient]:
    with temporary_settings({PREFECT_API_URL: service.api_url}), get_client(sync_client=True) as found:
        yield found
        for one in found.read_deployments():
            found.delete_deployment(one.id)


def write(folder: Path, name: str, text: str = "") -> Path:
    file = folder / f"{name}.toml"
    file.write_text(f'acquisition = "/data/{name}"\n{text}', encoding="utf-8")
    return file


def synced(folder: Path, *, dry_run: bool = False) -> list[str]:
    """What `sync` says, without what it says of the work pool."""
    return [line for line in sync(folder, CHECKOUT, dry_run=dry_run) if "work pool" not in line]


def deployed(client: SyncPrefectClient, name: str) -> DeploymentResponse:
    return client.read_deployment_by_name(f"reconstruct/{name}")


def scheduled_times(client: SyncPrefectClient, deployment: DeploymentResponse) -> list[object]:
    """When the runs of a deployment that wait are to begin."""
    runs = client.get_scheduled_flow_runs_for_deployments(
        [deployment.id], scheduled_before=now("UTC") + timedelta(days=2)
    )
    return [run.next_scheduled_start_time for run in runs]


def test_a_cron_makes_scheduled_runs_and_a_pause_takes_them_away(
    client: SyncPrefectClient, folder: Path
) -> None:
    file = write(folder, "mouse-1", HOURLY)
    assert synced(folder) == ["created   mouse-1: /data/mouse-1, at '0 * * * *' Europe/Zurich"]
    one = deployed(client, "mouse-1")
    # Made by the server's scheduler, which a wrong version of one of its libraries breaks in silence.
    times = wait_for(lambda: scheduled_times(client, one), "scheduled runs")
    assert len(times) > 1
    assert all(time.minute == 0 for time in times)
    file.unlink()
    assert synced(folder) == ["paused    mouse-1: its file is gone, or does not ask for it"]
    assert deployed(client, "mouse-1").paused
    assert scheduled_times(client, one) == []
    assert synced(folder) == ["unchanged mouse-1: its file is gone, or does not ask for it"]


def test_runs_take_turns_without_slots_and_slots_of_earlier_versions_go(
    client: SyncPrefectClient, folder: Path
) -> None:
    write(folder, "mouse-1")
    synced(folder)
    one = deployed(client, "mouse-1")
    assert one.global_concurrency_limit is None
    # A server that restarts is waited for from the first request of a run on.
    assert one.job_variables == {"env": {"PREFECT_CLIENT_MAX_RETRIES": "8"}}
    client.update_deployment(one.id, DeploymentUpdate(concurrency_limit=1))
    assert synced(folder) == ["updated   mouse-1: limit 1 to None"]
    assert deployed(client, "mouse-1").global_concurrency_limit is None


def test_the_second_time_nothing_changes(client: SyncPrefectClient, folder: Path) -> None:
    write(folder, "mouse-1", f'tags = ["oct"]\n{HOURLY}[settings]\nslicing_interval_um = 100.0\n')
    synced(folder)
    before = deployed(client, "mouse-1")
    assert synced(folder) == ["unchanged mouse-1: /data/mouse-1, at '0 * * * *' Europe/Zurich"]
    assert deployed(client, "mouse-1") == before
    # Only what the file sets; the rest has the defaults of the code that runs.
    assert before.parameters == {"acquisition": "/data/mouse-1", "settings": {"slicing_interval_um": 100.0}}
    assert set(before.tags) == {"from-file", "oct"}
    write(folder, "mouse-1", f'tags = ["oct"]\n{HOURLY}[settings]\nslicing_interval_um = 100.0\n[assess]\n')
    scored = "created   assess/mouse-1: /data/mouse-1, by hand only"
    assert synced(folder)[1:] == [scored]
    assert synced(folder)[1:] == [scored.replace("created  ", "unchanged")]
    assert client.read_deployment_by_name("assess/mouse-1").entrypoint == "flows/assess/flow.py:assess"
    write(folder, "mouse-1")
    assert synced(folder)[1:] == ["paused    assess/mouse-1: its file is gone, or does not ask for it"]


def test_every_difference_is_mended_and_named(client: SyncPrefectClient, folder: Path) -> None:
    write(folder, "mouse-1", HOURLY)
    synced(folder)
    first = deployed(client, "mouse-1")
    # By hand, in the UI.
    client.pause_deployment(first.id)
    assert synced(folder) == ["updated   mouse-1: paused True to False"]
    write(folder, "mouse-1", 'enabled = false\n[schedule]\ncron = "30 2 * * *"\n')
    (line,) = synced(folder)
    assert line == (
        "updated   mouse-1: paused False to True; cron '0 * * * *' to '30 2 * * *'; "
        "timezone 'Europe/Zurich' to 'UTC'"
    )
    second = deployed(client, "mouse-1")
    assert second.id == first.id
    assert [schedule.schedule.cron for schedule in second.schedules] == ["30 2 * * *"]
    write(folder, "mouse-1", "enabled = false")
    assert synced(folder) == ["updated   mouse-1: cron '30 2 * * *' to None; timezone 'UTC' to None"]
    assert deployed(client, "mouse-1").schedules == []


def test_a_dry_run_touches_nothing(client: SyncPrefectClient, folder: Path) -> None:
    write(folder, "mouse-1")
    synced(folder)
    write(folder, "mouse-2")
    write(folder, "mouse-1", "enabled = false")
    assert synced(folder, dry_run=True) == [
        "dry run: nothing is done; otherwise:",
        "updated   mouse-1: paused False to True",
        "created   mouse-2: /data/mouse-2, by hand only",
    ]
    assert [one.name for one in client.read_deployments()] == ["mouse-1"]
    assert not deployed(client, "mouse-1").paused


def test_deployments_made_otherwise_are_left_alone(
    client: SyncPrefectClient,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flow = client.create_flow_from_name("reconstruct")
    client.create_deployment(flow, "by-hand")
    assert synced(folder) == []
    assert not deployed(client, "by-hand").paused
    write(folder, "by-hand")
    write(folder, "another")
    monkeypatch.chdir(CHECKOUT)
    assert command.main(["--directory", str(folder)]) == 2
    assert "'by-hand' is taken by a deployment that was not made from a file" in capsys.readouterr().err
    assert [one.name for one in client.read_deployments()] == ["by-hand"]


def test_the_server_refuses_a_run_with_settings_out_of_range(client: SyncPrefectClient, folder: Path) -> None:
    write(folder, "mouse-1")
    synced(folder)
    wrong = {"settings": {"interpolation": {"max_iterations": 1}}}
    with pytest.raises(httpx.HTTPStatusError, match=r"409|422"):
        client.create_flow_run_from_deployment(deployed(client, "mouse-1").id, parameters=wrong)


def test_exit_codes_without_a_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(CHECKOUT)
    write(folder, "mouse-1")
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        assert command.main(["--directory", str(folder)]) == 1
    assert "Prefect server at http://127.0.0.1:9/api" in capsys.readouterr().err
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        assert command.main(["--directory", str(folder)]) == 2
    assert "PREFECT_API_URL is not set" in capsys.readouterr().err
    write(folder, "mouse-1", "enabled = 7")
    assert command.main(["--directory", str(folder)]) == 2
    assert "mouse-1.toml: setting 'enabled': got 7" in capsys.readouterr().err
