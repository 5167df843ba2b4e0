"""The pool of processes: what ends a worker from within ends its task, and nothing else."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future
from typing import Any, Self

from prefect.task_runners import ProcessPoolTaskRunner

from flows.engine.child_processes import quiet_tracker
from soct_core.errors import WorkerLostError


class Processes(ProcessPoolTaskRunner):
    """Prefect's pool, whose results arrive whatever they are.

    Prefect leaves a worker by `exit()` where it cannot go on, as without a server. A `SystemExit` that
    arrives as a result would end the thread that hands on results, and all that wait would wait for ever.
    """

    def __enter__(self) -> Self:
        # It starts with the first semaphore, which is the pool's.
        quiet_tracker()
        return super().__enter__()

    def _resolve_futures_and_submit(self, *args: Any, **kwargs: Any) -> Future[bytes]:
        return caught(super()._resolve_futures_and_submit(*args, **kwargs))


def caught(inner: Future[bytes]) -> Future[bytes]:
    """The same future, but what is no `Exception` is a `WorkerLostError`."""
    outer: Future[bytes] = Future()
    # It cannot be cancelled apart from what it stands for.
    outer.set_running_or_notify_cancel()

    def hand_on(done: Future[bytes]) -> None:
        try:
            error = done.exception()
        except CancelledError as cancelled:
            error = cancelled
        if error is None:
            outer.set_result(done.result())
        elif isinstance(error, Exception):
            outer.set_exception(error)
        else:
            outer.set_exception(WorkerLostError(f"a worker process ended itself ({error!r})"))

    inner.add_done_callback(hand_on)
    return outer
