"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REAL_BRAIN = "stpt_mouse_brain_50um.npz"


@pytest.fixture(scope="session")
def real_brain() -> Path:
    """The real brain, beside the checkout or where SOCT_REAL_DATA says."""
    folder = Path(os.environ.get("SOCT_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    path = folder / REAL_BRAIN
    if not path.exists():
        pytest.skip(f"{REAL_BRAIN} is not in {folder.name}/; set SOCT_REAL_DATA to its directory")
    return path
