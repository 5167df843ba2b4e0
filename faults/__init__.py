"""Faults, injected from outside: deaths at any moment (`kill_anywhere.py`), the world (`world.py`)."""

import os

import flows  # noqa: F401  (sets Prefect's environment)

# Before Prefect is imported.
os.environ["PREFECT_LOGGING_LEVEL"] = "CRITICAL"
