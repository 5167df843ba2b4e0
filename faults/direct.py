"""A run without Prefect's engine and server: each task is called where it is submitted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any
from unittest.mock import patch

from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed
from prefect.tasks import Task

from flows.engine import artifacts, flow_runs, task_runs, tasks
from flows.engine.tasks import RETRY_DELAYS_SECONDS
from flows.reconstruct import flow
from soct_core.errors import BadInputError


class Done:
    """A future that was done at once; an `OSError` is tried again as often as Prefect would."""

    task_run_id = None

    def __init__(self, work: Callable[[], Any]) -> None:
        for _ in range(1 + len(RETRY_DELAYS_SECONDS)):
            try:
                found = work()
                self._result = found.data if isinstance(found, State) else found
                self.state: State[Any] = Completed()
                return
            except Exception as error:
                self._result, self.state = error, Failed()
                if not isinstance(error, OSError) or isinstance(error, BadInputError):
                    return

    def result(self, raise_on_failure: bool = True) -> Any:
        return self._result


class _Here:
    """Stands for the runner of what is known."""

    def __init__(self, **_: Any) -> None:
        pass

    def __enter__(self) -> _Here:
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def submit(self, task: Task[..., Any], parameters: dict[str, Any]) -> Done:
        return Done(partial(task.fn, **parameters))


@contextmanager
def without_engine() -> Iterator[Callable[..., Any]]:
    """Replace the engine in this process, within; gives the flow as a plain function."""
    log = logging.getLogger("direct")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    replaced: list[tuple[Any, str, Any]] = [
        (m, "get_run_logger", lambda: log) for m in (flow_runs, task_runs)
    ]
    replaced += [
        (flow_runs, "api", nullcontext),
        (artifacts, "show_slices", _ignored),
        (artifacts, "show_result", _ignored),
        (tasks, "publish_progress", lambda *_: nullcontext()),
        (task_runs, "as_completed", list),
        (task_runs, "ThreadPoolTaskRunner", _Here),
        (Task, "submit", lambda task, *args: Done(partial(task.fn, *args))),
    ]
    with ExitStack() as stack:
        for place, name, stand_in in replaced:
            stack.enter_context(patch.object(place, name, stand_in))
        yield flow.reconstruct.fn


def _ignored(*_: Any) -> None:
    pass
