"""The task runs of one run: submitted, waited for, each with its record."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Iterable
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture, as_completed
from prefect.logging import get_run_logger
from prefect.states import Crashed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.engine.caching import CacheEntry, cache_entry, read_checksums, refuse_changed_input
from flows.engine.places import Places
from flows.engine.runners import lost_worker
from flows.engine.tasks import BoundTask
from flows.terminal.listener import listener
from flows.terminal.notices import Notice, notice_of
from flows.terminal.plain_lines import task_line
from schemas import handoffs
from schemas.contract import Contract
from schemas.run_record import ErrorRecord, Fingerprint, TaskRecord
from soct_core.errors import BadInputError, SoctError, StageFailedError, WorkerLostError
from soct_core.file_names import STATE_FOLDER
from soct_core.storage.fingerprint import first_changed

Job = TypeVar("Job", bound=handoffs.Job)
Outcome = TypeVar("Outcome", bound=Contract)


@dataclass(frozen=True)
class Failure:
    """A task run that failed, and of how many in its stage."""

    stage: str
    total: int
    name: str
    error: BaseException


@dataclass(frozen=True)
class Submitted:
    """A task run on its way."""

    name: str
    job: handoffs.Job
    started: float
    """Seconds, on the clock that cannot be set."""
    cached: bool


@dataclass
class TaskRuns:
    """All task runs of one run; its output holds the checksums of what they wrote."""

    places: Places
    fresh: bool = False
    records: list[TaskRecord] = field(default_factory=list)
    entries: list[CacheEntry] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    errors: list[ErrorRecord] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    def run_all(
        self, bound: BoundTask[Job, Outcome], todo: Iterable[tuple[str, Job]], *, passing: bool = False
    ) -> list[Outcome]:
        """As `attempt_all`; see `stop` for what is raised if one failed."""
        outcomes = self.attempt_all(bound, todo, passing=passing)
        if self.failures:
            self.stop()
        return outcomes

    def attempt_all(
        self, bound: BoundTask[Job, Outcome], todo: Iterable[tuple[str, Job]], *, passing: bool = False
    ) -> list[Outcome]:
        """Run one task per (name, job) and wait for all; outcomes of those that did not fail, in order.

        Parameters
        ----------
        passing
            What they write goes on into what a later task writes.

        Raises
        ------
        StageFailedError
            If a worker was lost: there is nothing left to run anything on.
        """
        named = list(todo)
        progress = listener.get()
        progress.stage(bound.name, len(named))
        submitted: dict[PrefectFuture[Outcome], Submitted] = {}
        outcomes = {}
        here: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)
        with here:
            for name, job in named:
                key = partial(bound.key, job, self.places)
                entry = cache_entry(self.places, name, key, bound.outcome_type, fresh=self.fresh)
                entry = entry.model_copy(update={"passing": passing})
                self.entries.append(entry)
                run = bound.prefect_task.with_options(task_run_name=name)
                known = bool(entry.known)
                # What is known is told here, so that no worker has to start for it.
                future = here.submit(run, {"job": job, "entry": entry}) if known else run.submit(job, entry)
                submitted[future] = Submitted(name, job, time.monotonic(), known)
            for future in as_completed(list(submitted)):
                outcome = self._record(submitted[future], future)
                if isinstance(outcome, BaseException):
                    self.failures.append(Failure(bound.name, len(named), submitted[future].name, outcome))
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

    def run_one(
        self, bound: BoundTask[Job, Outcome], name: str, job: Job, *, passing: bool = False
    ) -> Outcome:
        """Run a single task; see `run_all`."""
        return self.run_all(bound, [(name, job)], passing=passing)[0]

    def is_known(self, bound: BoundTask[Job, Outcome], name: str, job: Job) -> bool:
        """Whether a task has nothing to do: its outcome is remembered, and its outputs are there."""
        key = partial(bound.key, job, self.places)
        return bool(cache_entry(self.places, name, key, bound.outcome_type, fresh=self.fresh).known)

    def outputs(self) -> tuple[Fingerprint, ...]:
        """Fingerprints of everything that the finished tasks left behind, from inputs that still stand."""
        found = [
            checksums
            for entry in self.entries
            if (checksums := read_checksums(entry)) is not None
            and checksums.key == entry.key
            and first_changed(entry.inputs) is None
        ]
        last: dict[str, Fingerprint] = {}
        for output in (output for checksums in found for output in checksums.outputs):
            # What lies among the state is on its way to an output.
            if not output.path.startswith(f"{STATE_FOLDER}/"):
                last.pop(output.path, None)
                last[output.path] = output
        return tuple(last.values())

    def refuse_changed_inputs(self) -> None:
        """No input may have changed since a task used it; InputChangedError names the first."""
        for entry in self.entries:
            refuse_changed_input(entry)

    def _record(self, run: Submitted, future: PrefectFuture[Any]) -> Any:
        """Note what became of a task run; gives its outcome, or the error that it ended with."""
        elapsed, cached = time.monotonic() - run.started, run.cached
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
        failed = outcome if isinstance(outcome, BaseException) else None
        reason = _one_line(failed) if failed else str(getattr(outcome, "reason", "") or "")
        seconds = 0.0 if cached else float(getattr(outcome, "seconds", 0.0)) or elapsed
        kind = {"COMPLETED": "Completed", "CRASHED": "Crashed", "CANCELLED": "Cancelled"}
        record = TaskRecord(
            name=run.name,
            state=kind.get(state.type.value, "Failed"),  # type: ignore[arg-type]
            cached=cached,
            seconds=round(seconds, 3),
            reason=reason,
        )
        self.records.append(record)
        if failed is not None:
            self.errors.append(error_record(run.name, failed))
        state_name = "Cached" if cached else record.state
        hard_skip = getattr(outcome, "result", "") == "hard_skip"
        listener.get().done(run.name, state_name, record.seconds, reason, hard_skip=hard_skip)
        # A terminal shows the same, but nobody sees that of a deployed run.
        line = task_line(run.name, state_name, record.seconds, reason, hard_skip=hard_skip)
        level = logging.INFO if record.state == "Completed" else logging.ERROR
        get_run_logger().log(level, "%s", line)
        self._note(run.name, None if failed else notice_of(run.job, outcome))
        return outcome

    def _note(self, name: str, notice: Notice | None) -> None:
        if notice is not None:
            self.notices.append(notice)
            get_run_logger().warning("%s: %s", name, notice.text)


def _report_crash(task_run_id: UUID, state: State[Any]) -> None:
    """Record in Prefect that a worker died, which the worker itself could not do."""
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
    if isinstance(error, MemoryError):
        return f"out of memory ({text})" if text else "out of memory"
    return text if isinstance(error, SoctError) else f"{type(error).__name__}: {text}"
