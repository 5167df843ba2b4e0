"""A server, a worker, a deployed acquisition with two faults, and a browser; see README.md."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, browser
from obstructed_outputs import obstruct
from phantom_acquisition import cut_phantom
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect_service import Service, prefect_service, prefect_worker


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("prefect")
    with prefect_service(home) as running:
        (home / "deployments").mkdir()
        yield running


@pytest.fixture(scope="session")
def client(service: Service) -> Iterator[SyncPrefectClient]:
    with temporary_settings({PREFECT_API_URL: service.api_url}), get_client(sync_client=True) as found:
        yield found


@pytest.fixture(scope="session")
def chromium(service: Service) -> Iterator[Browser]:
    pictures = os.environ.get("SOCT_PICTURES")
    with browser(service.url, Path(pictures) if pictures else None) as opened:
        yield opened


@pytest.fixture(scope="session")
def deployed(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An acquisition that `deployments.sync` has deployed as `mouse-12`; a worker waits for its runs."""
    folder = tmp_path_factory.mktemp("deployments")
    acquisition = cut_phantom(tmp_path_factory.mktemp("data") / "mouse-12")
    obstruct(acquisition / "reconstruction")
    (folder / "mouse-12.toml").write_text(
        f'acquisition = "{acquisition}"\ndescription = "Every night."\ntags = ["oct"]\n'
        '[schedule]\ncron = "0 3 * * *"\ntimezone = "Europe/Zurich"\n'
        "[settings.interpolation]\nmax_iterations = 500\n"
    )
    print(service.run(service.python, "-m", "deployments.sync", "--directory", str(folder)))
    with prefect_worker(service, "local", folder / "worker.log"):
        yield acquisition
