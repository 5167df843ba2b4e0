"""The ledger of a run: submits tasks, waits for all of them, and keeps the record of each."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from prefect.futures import PrefectFuture, as_completed

from flows.progress import listener
from flows.seals import Ticket, holds, read_seal, refuse_changed_input, ticket
from flows.tasks import BoundTask
from schemas.contract import Contract
from schemas.run_record import ErrorRecord, Fingerprint, TaskRecord
from soct_core.errors import BadInputError, SoctError, StageFailedError
from soct_core.fingerprint import changed

Job = TypeVar("Job", bound=Contract)
Outcome = TypeVar("Outcome", bound=Contract)


@dataclass
class Ledger:
    """One run's tasks; `output` holds their seals."""

    output: Path
    fresh: bool = False
    records: list[TaskRecord] = field(default_factory=list)
    tickets: list[Ticket] = field(default_factory=list)
    errors: list[ErrorRecord] = field(default_factory=list)

    def run_all(self, bound: BoundTask[Job, Outcome], jobs: Iterable[tuple[str, Job]]) -> list[Outcome]:
        """Run one task per (name, job) and wait for all, whatever becomes of each.

        Raises
        ------
        BadInputError
            If every failure is the input's.
        StageFailedError
            If a task failed; its siblings have finished by then.
        """
        named = list(jobs)
        progress = listener.get()
        progress.stage(bound.name, len(named))
        submitted: dict[PrefectFuture[Outcome], tuple[str, float]] = {}
        failures: list[tuple[str, BaseException]] = []
        with _dead_workers_explained(bound.name):
            for name, job in named:
                on = ticket(self.output, name, partial(bound.key, job))
                self.tickets.append(on)
                run = bound.prefect_task.with_options(
                    task_run_name=name, refresh_cache=self.fresh or not holds(on)
                )
                submitted[run.submit(job, on)] = name, time.monotonic()
            for future in as_completed(list(submitted)):
                name, started = submitted[future]
                error = self._record(name, future, time.monotonic() - started)
                if error is not None:
                    failures.append((name, error))
        _raise_failures(bound.name, len(named), failures)
        return [future.result() for future in submitted]

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

    def _record(self, name: str, future: PrefectFuture[Any], elapsed: float) -> BaseException | None:
        # The result first: futures of other processes know their state only then.
        outcome = future.result(raise_on_failure=False)
        state = future.state
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
        listener.get().done(name, "Cached" if cached else record.state, record.seconds, reason)
        return failed


@contextmanager
def _dead_workers_explained(stage: str) -> Iterator[None]:
    try:
        yield
    except BrokenExecutor as error:
        raise StageFailedError(
            f"{stage}: a worker process died, killed or out of memory; run again, what is done is kept"
        ) from error


def _raise_failures(stage: str, total: int, failures: list[tuple[str, BaseException]]) -> None:
    if not failures:
        return
    errors = [error for _, error in failures]
    if all(isinstance(error, BadInputError) for error in errors):
        raise errors[0]
    first = "; ".join(f"{name}: {_one_line(error)}" for name, error in failures[:3])
    raise StageFailedError(f"{stage}: {len(failures)} of {total} tasks failed: {first}")


def error_record(name: str, error: BaseException) -> ErrorRecord:
    """An error with its traceback, for the record and the report."""
    lines = traceback.format_exception(error)
    return ErrorRecord(name=name, message=_one_line(error), traceback="".join(lines))


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, SoctError) else f"{type(error).__name__}: {text}"
