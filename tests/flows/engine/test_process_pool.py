"""What ends a worker from within ends its task: no result is waited for that cannot come."""

from __future__ import annotations

import sys
import uuid
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import pytest
from prefect.futures import PrefectConcurrentFuture, as_completed

from flows.engine.process_pool import caught
from flows.engine.runners import lost_worker
from soct_core.errors import WorkerLostError


def ended(error: BaseException | None) -> Future[bytes]:
    inner: Future[bytes] = Future()
    outer = caught(inner)
    if error is None:
        inner.set_result(b"result")
    else:
        inner.set_exception(error)
    return outer


def test_a_result_and_an_error_arrive_as_they_are() -> None:
    assert ended(None).result(1) == b"result"
    with pytest.raises(ZeroDivisionError):
        ended(ZeroDivisionError()).result(1)


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
def test_what_ends_a_process_is_a_lost_worker(error: BaseException) -> None:
    found = ended(error).exception(1)
    assert isinstance(found, WorkerLostError)
    assert "a worker process ended itself" in str(lost_worker(found))


def test_a_cancelled_result_is_an_error() -> None:
    inner: Future[bytes] = Future()
    outer = caught(inner)
    inner.cancel()
    assert isinstance(outer.exception(1), CancelledError)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_all_that_wait_hear_of_it() -> None:
    """The thread that hands on results lives on, and so does what waits for the next ones."""

    with ThreadPoolExecutor(1) as pool:
        first, second = (caught(pool.submit(work)) for work in (sys.exit, lambda: b"result"))
        waiting = [PrefectConcurrentFuture(uuid.uuid4(), future) for future in (first, second)]
        assert len(list(as_completed(waiting, timeout=10))) == 2
