"""The ledger of a run: submits tasks, waits for all of them, and keeps the record of each."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture, as_completed
from prefect.results import get_result_store
from prefect.states import Crashed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.progress import listener
from flows.runners import lost_worker
from flows.seals import Ticket, holds, read_seal, refuse_changed_input, ticket
from flows.tasks import BoundTask
from schemas import jobs
from schemas.contract import Contract
from schemas.run_record import ErrorRecord, Fingerprint, TaskRecord
from soct_core.errors import BadInputError, SoctError, StageFailedError, WorkerLostError
from soct_core.fingerprint import changed

Job = TypeVar("Job", bound=jobs.Job)
Outcome = TypeVar("Outcome", bound=Contract)


@dataclass(frozen=True)
class Failure:
    """A task run that failed, and of how many in its stage."""

    stage: str
    total: int
    name: str
    error: BaseException


@dataclass
class Ledger:
    """One run's tasks; `output` holds their seals."""

    output: Path
    fresh: bool = False
    records: list[TaskRecord] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    errors: list[ErrorRecord] = field(default_factory=list)

    def run_all(self, bound: BoundTask[Job, Outcome], todo: Iterable[tuple[str, Job]]) -> list[Outcome]:
        """Run one task per (name, job) and wait for all; see `stop` for what is raised if one failed."""
        outcomes = self.attempt_all(bound, todo)
        if self.failures:
            self.stop()
        return outcomes

    def attempt_all(self, bound: BoundTask[Job, Outcome], todo: Iterable[tuple[str, Job]]) -> list[Outcome]:
        """Run one task per (name, job) and wait for all; outcomes of those that did not fail, in order.

        Raises
        ------
        StageFailedError
            If a worker was lost: there is nothing left to run anything on.
        """
        named = list(todo)
        progress = listener.get()
        progress.stage(bound.name, len(named))
        submitted: dict[PrefectFuture[Outcome], tuple[str, float]] = {}
        outcomes = {}
        remembered = get_result_store().model_copy(update={"metadata_storage": None})
        here: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)
        with here:
            for name, job in named:
                on = ticket(self.output, name, partial(bound.key, job), fresh=self.fresh)
                self.tickets.append(on)
                whole = not self.fresh and holds(on)
                run = bound.prefect_task.with_options(task_run_name=name, refresh_cache=not whole)
                # What is known already is looked up here: no worker need wake for it.
                known = whole and remembered.exists(on.key)
                future = here.submit(run, {"job": job, "on": on}) if known else run.submit(job, on)
                submitted[future] = name, time.monotonic()
            for future in as_completed(list(submitted)):
                name, started = submitted[future]
                outcome = self._record(name, future, time.monotonic() - started)
                if isinstance(outcome, BaseException):
                    self.failures.append(Failure(bound.name, len(named), name, outcome))
                else:
                    outcomes[future] = outcome
        lost = next((f.error for f in self.failures if isinstance(f.error, WorkerLostError)), None)
        if lost is not None:
            raise StageFailedError(f"{bound.name}: {lost}; run again, what is done is kept")
        return [outcomes[future] for future in submitted if future in outcomes]

    def stop(self) -> NoReturn:
        """Say what failed.

        Raises
        ------
        BadInputError
            If every failure is the input's.
        StageFailedError
            Otherwise; the siblings of what failed have finished by then.
        """
        errors = [failure.error for failure in self.failures]
        if all(isinstance(error, BadInputError) for error in errors):
            raise errors[0]
        stages = groupby(self.failures, key=lambda failure: (failure.stage, failure.total))
        raise StageFailedError("; ".join(_summary(stage, list(failed)) for stage, failed in stages))

    def run_one(self, bound: BoundTask[Job, Outcome], name: str, job: Job) -> Outcome:
        """Run a single task; see `run_all`."""
        return self.run_all(bound, [(name, job)])[0]

    def outputs(self) -> tuple[Fingerprint, ...]:
        """Fingerprints of everything that the finished tasks left behind, from inputs that still stand."""
        seals = [
            seal
            for on in self.tickets
            if (seal := read_seal(on)) is not None and seal.key == on.key and changed(on.witness) is None
        ]
        return tuple(artefact for seal in seals for artefact in seal.artefacts)

    def refuse_changed_inputs(self) -> None:
        """No input may have changed since a task used it; InputChangedError names the first."""
        for on in self.tickets:
            refuse_changed_input(on)

    def _record(self, name: str, future: PrefectFuture[Any], elapsed: float) -> Any:
        """Note what became of a task run; gives its outcome, or the error that it ended with."""
        # The result first: futures of other processes know their state only then.
        try:
            outcome = future.result(raise_on_failure=False)
            state = future.state
        except (Exception, CancelledError) as error:
            # Not raised by the task: whatever ran it is gone.
            if (lost := lost_worker(error)) is None:
                raise
            outcome = WorkerLostError(lost)
            state = Crashed(message=str(outcome))
            _report_crash(future.task_run_id, state)
        cached = state.name == "Cached"
        failed = outcome if isinstance(outcome, BaseException) else None
        reason = _one_line(failed) if failed else str(getattr(outcome, "reason", "") or "")
        seconds = 0.0 if cached else float(getattr(outcome, "seconds", 0.0)) or elapsed
        kind = {"COMPLETED": "Completed", "CRASHED": "Crashed", "CANCELLED": "Cancelled"}
        record = TaskRecord(
            name=name,
            state=kind.get(state.type.value, "Failed"),  # type: ignore[arg-type]
            cached=cached,
            seconds=round(seconds, 3),
            reason=reason,
        )
        self.records.append(record)
        if failed is not None:
            self.errors.append(error_record(name, failed))
        listener.get().done(
            name,
            "Cached" if cached else record.state,
            record.seconds,
            reason,
            hard_skip=getattr(outcome, "result", "") == "hard_skip",
        )
        return outcome


def _report_crash(task_run_id: UUID, state: State[Any]) -> None:
    """Tell Prefect's records of a death that the dead could not report."""
    with suppress(Exception), get_client(sync_client=True) as client:
        client.set_task_run_state(task_run_id, state, force=True)


def _summary(stage: tuple[str, int], failed: list[Failure]) -> str:
    first = "; ".join(f"{failure.name}: {_one_line(failure.error)}" for failure in failed[:3])
    return f"{stage[0]}: {len(failed)} of {stage[1]} tasks failed: {first}"


def error_record(name: str, error: BaseException) -> ErrorRecord:
    """An error with its traceback, for the record and the report."""
    lines = traceback.format_exception(error)
    return ErrorRecord(name=name, message=_one_line(error), traceback="".join(lines))


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, SoctError) else f"{type(error).__name__}: {text}"
