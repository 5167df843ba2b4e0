"""A small acquisition, and the flow to run on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from phantom_acquisition import cut_phantom

import flows.engine.prefect_environment  # noqa: F401  (before Prefect)
from schemas.handoffs import RunResult

Reconstruct = Callable[..., RunResult]


@pytest.fixture
def acquisition(tmp_path: Path) -> Path:
    """Nine slices of a phantom, one single gap, one double gap."""
    return cut_phantom(tmp_path / "mouse")


@pytest.fixture
def reconstruct(prefect_server: None) -> Reconstruct:
    """The flow, on threads: this process is the only one that can be watched."""
    from flows.engine.runners import task_runner
    from flows.reconstruct import reconstruct as flow

    return flow.with_options(task_runner=task_runner("threads", 2))
