"""`run.json`: what a run did, with what, from what, to what."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePosixPath
from typing import Literal

from schemas.contract import Contract
from schemas.settings import ReconstructSettings
from schemas.slice_id import SliceId

DoubtKind = Literal[
    "interval",
    "order",
    "same_image",
    "parts",
    "unsupported",
    "spoiled",
    "translations",
    "unused_depth",
    "excluded_source",
    "nothing_to_match",
    "brightness",
]
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


class Doubt(Contract):
    """What speaks against an acquisition, and what to do about it. Nothing is done unasked."""

    kind: DoubtKind
    slices: tuple[SliceId, ...] = ()
    """The slices meant; empty where all are."""
    sentence: str
    remedy: str = ""
    """What to do, in words."""
    paste: str = ""
    """The line, option or command that does it."""

    @property
    def what_to_do(self) -> str:
        """Remedy and line to paste, on one line."""
        return ": ".join(filter(None, (self.remedy, self.paste)))

    @property
    def text(self) -> str:
        """All of it on one line."""
        return "; ".join(filter(None, (self.sentence, self.what_to_do)))


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
    """What the acquisition is called: as it was asked for, or after its deployment or its directory."""
    deployment: str = ""
    """Name of the deployment that this was a run of."""
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
    """A line each, those of `doubts` included."""
    doubts: tuple[Doubt, ...] = ()
    errors: tuple[ErrorRecord, ...] = ()


def command_with(command: str, option: str) -> str:
    """A command of `run.json` as it is typed, with one more option; only the option where it is another.

    Examples
    --------
    >>> command_with("/opt/venv/bin/soct reconstruct ACQ", "--accept 08")
    'soct reconstruct ACQ --accept 08'
    >>> command_with("/src/flows/reconstruct/__main__.py ACQ", "--accept 08")
    'python -m flows.reconstruct ACQ --accept 08'
    >>> command_with("worker.py", "--accept 08")
    '--accept 08'
    """
    program, _, rest = command.partition(" ")
    if PurePosixPath(program).name == "soct":
        return f"soct {rest} {option}"
    if program.endswith("flows/reconstruct/__main__.py"):
        return f"python -m flows.reconstruct {rest} {option}"
    return option
