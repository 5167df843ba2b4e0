"""One Prefect server for all flow tests, and small acquisitions to run them on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import flows.environment  # noqa: F401  (before Prefect)
from schemas.outcomes import RunResult
from schemas.simulation import SimulationSettings
from soct_core.phantom import Phantom, PhantomVolume
from soct_core.simulate import simulate

SIZE = (40.0, 50.0, 50.0)
DEPTH = 5
"""Planes of a slice: 200 µm of 40 µm each."""
SLICES = 9
MISSING = (2, 5, 6)
"""A single gap and a double one."""

Reconstruct = Callable[..., RunResult]


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.fixture
def acquisition(tmp_path: Path) -> Path:
    """Nine slices of a phantom, one single gap, one double gap."""
    return cut_phantom(tmp_path / "mouse", SimulationSettings(missing=MISSING, drift_px=2.0, seed=3))


@pytest.fixture
def reconstruct(prefect_server: None) -> Reconstruct:
    """The flow, on threads: this process is the only one that can be watched."""
    from flows.reconstruct import reconstruct as flow
    from flows.runners import task_runner

    return flow.with_options(task_runner=task_runner("threads", 2))


def cut_phantom(directory: Path, settings: SimulationSettings) -> Path:
    """Simulate a small acquisition."""
    phantom = PhantomVolume(Phantom.seeded(7), (SLICES * DEPTH, 128, 144), SIZE)
    simulate(phantom, SIZE, settings, directory, "phantom")
    return directory
