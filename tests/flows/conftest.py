"""A small acquisition, and the flow to run on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from phantom_acquisition import QUICK, cut_phantom

import flows.engine.prefect_environment  # noqa: F401  (before Prefect)
from schemas.handoffs import RunResult

Reconstruct = Callable[..., RunResult]


@pytest.fixture(scope="session")
def cut_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cut_phantom(tmp_path_factory.mktemp("phantom") / "mouse")


@pytest.fixture
def acquisition(tmp_path: Path, cut_once: Path) -> Path:
    """Nine slices of a phantom, one single gap, one double gap."""
    return shutil.copytree(cut_once, tmp_path / "mouse")


@pytest.fixture
def reconstruct(prefect_server: None) -> Reconstruct:
    """The flow, on threads: this process is the only one that can be watched. It registers by ECC."""
    from flows.engine.runners import task_runner
    from flows.reconstruct import reconstruct as flow

    return partial(flow.with_options(task_runner=task_runner("threads", 2)), settings=QUICK)
