"""One run of the flow: its plan, its task runs, and what became known on the way."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flows.engine.task_runs import TaskRuns
from schemas.run_record import GapRecord
from soct_core.run.plan import Planner
from soct_core.run.record import RunFacts


@dataclass
class Run:
    """One run; the stages are given nothing else."""

    plan: Planner
    tasks: TaskRuns
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    command: str = field(default_factory=lambda: " ".join(sys.argv))
    not_promised: tuple[str, ...] = ()
    """What the file system of the output cannot promise."""
    gaps: GapRecord = field(default_factory=GapRecord)
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the acquisition is called."""
        return self.plan.acquisition.directory.name

    def facts(self) -> RunFacts:
        """What is known by now, for the record."""
        return RunFacts(
            acquisition=self.name,
            output=self.plan.output,
            inputs=self.plan.inputs,
            settings=self.plan.settings,
            started=self.started,
            command=self.command,
            gaps=self.gaps,
            warnings=self.warnings,
            outputs=self.tasks.outputs(),
            tasks=self.tasks.records,
            errors=self.tasks.errors,
        )
