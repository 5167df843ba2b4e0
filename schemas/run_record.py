"""`run.json`: what a run did, with what, from what, to what."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from schemas.contract import Contract
from schemas.settings import ReconstructSettings

RunOutcome = Literal["completed", "failed"]
TaskState = Literal["Completed", "Failed", "Crashed", "Cancelled"]


class Fingerprint(Contract):
    """A file or store, and the hash of its content."""

    path: str
    """Relative to the directory of the run where it lies inside it."""
    fingerprint: str


class TaskRecord(Contract):
    """One task run of the last invocation."""

    name: str
    state: TaskState
    cached: bool
    seconds: float
    reason: str = ""


class GapRecord(Contract):
    """The gaps that detection found."""

    single: tuple[int, ...] = ()
    multi: tuple[tuple[int, ...], ...] = ()


class ErrorRecord(Contract):
    """What went wrong in a task, or in the run itself."""

    name: str
    """Name of the task run, or `reconstruct`."""
    message: str
    traceback: str = ""


class RunRecord(Contract):
    """The record of one invocation of the reconstruction."""

    outcome: RunOutcome
    acquisition: str = ""
    """Name of the acquisition's directory."""
    started: datetime
    finished: datetime
    command: str
    versions: dict[str, str]
    settings: ReconstructSettings
    inputs: tuple[Fingerprint, ...]
    outputs: tuple[Fingerprint, ...]
    gaps: GapRecord
    tasks: tuple[TaskRecord, ...]
    warnings: tuple[str, ...] = ()
    errors: tuple[ErrorRecord, ...] = ()
