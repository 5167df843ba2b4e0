"""One run of the flow: its plan, its task runs, and what became known on the way."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from flows.engine.flow_runs import warn
from flows.engine.identity import Identity
from flows.engine.task_runs import TaskRuns
from schemas.run_record import Doubt, GapRecord
from soct_core.run.plan import Planner
from soct_core.run.record import RunFacts


@dataclass
class Run:
    """One run; the stages are given nothing else."""

    plan: Planner
    tasks: TaskRuns
    identity: Identity
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    command: str = field(default_factory=lambda: " ".join(sys.argv))
    not_promised: tuple[str, ...] = ()
    """What the file system of the output cannot promise."""
    gaps: GapRecord = field(default_factory=GapRecord)
    warnings: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    def warn(self, said: Iterable[str | Doubt]) -> None:
        """Tell the terminal and the log, and keep for the record, the report and the result."""
        for one in said:
            if isinstance(one, Doubt) and any(
                one.kind == known.kind and one.slices == known.slices for known in self.doubts
            ):
                continue  # Said already, from other evidence.
            text = one.text if isinstance(one, Doubt) else one
            self.warnings += (text,)
            if isinstance(one, Doubt):
                self.doubts += (one,)
            warn([text])

    def facts(self) -> RunFacts:
        """What is known by now, for the record."""
        return RunFacts(
            acquisition=self.identity.name,
            deployment=self.identity.deployment,
            output=self.plan.output,
            inputs=self.plan.inputs,
            settings=self.plan.settings,
            started=self.started,
            command=self.command,
            gaps=self.gaps,
            warnings=self.warnings,
            doubts=self.doubts,
            outputs=self.tasks.outputs(),
            tasks=self.tasks.records,
            errors=self.tasks.errors,
        )
