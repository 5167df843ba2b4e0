"""The run of a flow around its task runs: alone on its output, ended with its workers, told in its log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from prefect.logging import get_run_logger
from prefect.states import Completed

from flows.engine.api import api, last_words
from flows.engine.child_processes import bare_workers, end_workers
from flows.engine.deployed_runs import add_tags, gave_way, output_lock
from flows.engine.seal import break_seal
from flows.engine.task_runs import TaskRuns
from flows.terminal.listener import listener
from flows.terminal.signals import note_stop
from schemas.contract import Contract
from soct_core.errors import AnotherWaitsError
from soct_core.run.leftovers import remove_leftovers
from soct_core.storage.fingerprint_memo import remembering

Result = TypeVar("Result", bound=Contract)


def run_alone(
    tasks: TaskRuns,
    work: Callable[[tuple[str, ...]], Result],
    lines: Callable[[Result], Sequence[str]],
) -> Result:
    """Work on an output while no other run does, and say in log, state and tags what came of it.

    Parameters
    ----------
    work
        Is given what the file system of the output cannot promise.
    lines
        The closing table of a result.

    Raises
    ------
    OutputBusyError
        If another run is at work there.
    """
    output = tasks.places.output
    try:
        with (
            last_words(),
            output_lock(output, " ".join(sys.argv)) as not_promised,
            remembering(output, believe=not tasks.fresh),
        ):
            break_seal(output)
            remove_leftovers(output)
            result = work(not_promised)
    except AnotherWaitsError as error:
        # A state is a result to Prefect. Nobody else sees it: only runs of deployments give way.
        return gave_way(error)  # type: ignore[return-value]
    table = lines(result)
    for line in table:
        get_run_logger().info("%s", line)
    add_tags(notice.tag for notice in tasks.notices)
    # The data of this state is what whoever called the flow is given.
    return Completed(message="\n".join(table), data=result)  # type: ignore[return-value]


@contextmanager
def at_work() -> Iterator[None]:
    """A server to talk to, and workers that end at once where this run is told to stop."""
    try:
        # In the flow itself, for those who call it from Python: workers share its server.
        with api(), bare_workers():
            yield
    except BaseException as error:
        if not isinstance(error, Exception):
            note_stop()
            # Prefect would wait for what they are at.
            end_workers()
        raise


def warn(texts: Iterable[str]) -> None:
    """Tell the terminal and the log."""
    for text in texts:
        listener.get().warning(text)
        get_run_logger().warning("%s", text)
