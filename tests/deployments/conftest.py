"""One Prefect server with all its services, for all tests of deployments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from prefect_service import Service, prefect_service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with prefect_service(tmp_path_factory.mktemp("prefect")) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty directory of deployment files."""
    made = tmp_path / "deployments"
    made.mkdir()
    return made
