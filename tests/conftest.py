"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.run_record import RunRecord

REAL_BRAIN = "stpt_mouse_brain_50um.npz"


@pytest.fixture(scope="session")
def real_brain() -> Path:
    """The real brain, beside the checkout or where SOCT_REAL_DATA says."""
    folder = Path(os.environ.get("SOCT_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    path = folder / REAL_BRAIN
    if not path.exists():
        pytest.skip(f"{REAL_BRAIN} is not in {folder.name}/; set SOCT_REAL_DATA to its directory")
    return path


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """One Prefect server for all tests that run a flow in this process."""
    import flows.engine.prefect_environment  # noqa: F401, I001  (before Prefect)
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RunRecord]:
    """The output of a run with everything that a report shows, and its record; to be read only."""
    from reported_run import finished_run

    return finished_run(tmp_path_factory.mktemp("report") / "mouse")
