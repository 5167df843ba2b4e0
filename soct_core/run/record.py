"""`run.json`: the record of one run, written whether it succeeded or not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from schemas.run_record import Doubt, ErrorRecord, Fingerprint, GapRecord, RunOutcome, RunRecord, TaskRecord
from schemas.settings import ReconstructSettings
from soct_core.file_names import RUN_RECORD_NAME
from soct_core.storage.atomic import publish_text
from soct_core.storage.fingerprint import fingerprint
from soct_core.versions import software_versions


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run at some moment."""

    acquisition: str
    """What it is called."""
    output: Path
    inputs: Sequence[Path]
    settings: ReconstructSettings
    started: datetime
    command: str
    gaps: GapRecord
    warnings: Sequence[str]
    outputs: Sequence[Fingerprint]
    tasks: Sequence[TaskRecord]
    errors: Sequence[ErrorRecord]
    doubts: Sequence[Doubt] = ()
    deployment: str = ""


def write_run_record(facts: RunFacts, outcome: RunOutcome) -> None:
    """Write `run.json` into the output directory."""
    text = run_record(facts, outcome).model_dump_json(indent=2) + "\n"
    publish_text(facts.output / RUN_RECORD_NAME, text)


def run_record(facts: RunFacts, outcome: RunOutcome) -> RunRecord:
    """The record as things stand; input paths are relative to the output where they can be."""
    return RunRecord(
        outcome=outcome,
        acquisition=facts.acquisition,
        deployment=facts.deployment,
        started=facts.started,
        finished=datetime.now(UTC),
        command=facts.command,
        versions=software_versions(),
        settings=facts.settings,
        inputs=tuple(_content_of(path, facts.output) for path in facts.inputs if path.exists()),
        outputs=tuple(facts.outputs),
        gaps=facts.gaps,
        tasks=tuple(facts.tasks),
        warnings=tuple(facts.warnings),
        doubts=tuple(facts.doubts),
        errors=tuple(facts.errors),
    )


def _content_of(path: Path, base: Path) -> Fingerprint:
    shown = Path(os.path.relpath(path, base)).as_posix()
    return Fingerprint(path=shown, fingerprint=fingerprint(path))
