"""Fixtures for all tests of the library."""

from __future__ import annotations

import pytest


@pytest.fixture
def no_waiting_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what is written, not of its durability, which costs most of their time."""
    monkeypatch.setattr("os.fsync", lambda _: None)
