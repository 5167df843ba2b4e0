"""`run.json`: the record of one run, written whether it succeeded or not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from schemas.run_record import ErrorRecord, Fingerprint, GapRecord, RunOutcome, RunRecord, TaskRecord
from soct_core.atomic import publish_text
from soct_core.errors import RecordError
from soct_core.fingerprint import fingerprint
from soct_core.planning import DEFAULT_OUTPUT, Planner
from soct_core.versions import software_versions

RUN_RECORD_NAME = "run.json"


@dataclass
class RunNotes:
    """What becomes known while a run goes on."""

    started: datetime
    command: str
    gaps: GapRecord = field(default_factory=GapRecord)
    warnings: tuple[str, ...] = ()
    errors: list[ErrorRecord] = field(default_factory=list)


def output_of(directory: Path) -> Path:
    """The output of a run, given that directory or the acquisition that holds it.

    Raises
    ------
    RecordError
        If there is no such directory.
    """
    if not directory.is_dir():
        raise RecordError(f"{directory}: no such directory, wanted the output of a run")
    inner = directory / DEFAULT_OUTPUT
    return inner if not (directory / RUN_RECORD_NAME).exists() and inner.is_dir() else directory


def write_run_record(
    planner: Planner,
    notes: RunNotes,
    outcome: RunOutcome,
    outputs: Sequence[Fingerprint],
    tasks: Sequence[TaskRecord],
) -> RunRecord:
    """Write `run.json` into the output directory."""
    record = run_record(planner, notes, outcome, outputs, tasks)
    publish_text(planner.output / RUN_RECORD_NAME, record.model_dump_json(indent=2) + "\n")
    return record


def run_record(
    planner: Planner,
    notes: RunNotes,
    outcome: RunOutcome,
    outputs: Sequence[Fingerprint],
    tasks: Sequence[TaskRecord],
) -> RunRecord:
    """The record as things stand; input paths are relative to the output where they can be."""
    config = planner.acquisition.config_path
    inputs = [*planner.measured.values(), *filter(None, (config, planner.shifts))]
    return RunRecord(
        outcome=outcome,
        acquisition=planner.acquisition.directory.name,
        started=notes.started,
        finished=datetime.now(UTC),
        command=notes.command,
        versions=software_versions(),
        settings=planner.settings,
        inputs=tuple(_print(path, planner.output) for path in inputs if path.exists()),
        outputs=tuple(outputs),
        gaps=notes.gaps,
        tasks=tuple(tasks),
        warnings=notes.warnings,
        errors=tuple(notes.errors),
    )


def _print(path: Path, base: Path) -> Fingerprint:
    shown = Path(os.path.relpath(path, base)).as_posix()
    return Fingerprint(path=shown, fingerprint=fingerprint(path))
