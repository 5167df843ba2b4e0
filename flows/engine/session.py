"""What command lines that run a flow have in common: options, a terminal that listens, server and runner."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from flows.engine.result_storage import refuse_unwritable_home
from flows.engine.runners import Runner, task_runner
from flows.terminal.exit_codes import RESUME
from soct_core.errors import BadInputError, StageFailedError

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner
    from rich.console import Console

NOTHING_NEW = "nothing new: all inputs and outputs are as the last run left them"
Opened = Callable[[Runner], "tuple[TaskRunner[Any], str]"]
"""Gives a runner of a kind, and the address of the server."""


def add_settings_options(p: argparse._ArgumentGroup) -> None:
    """Options that say how: settings, and whether all is made again."""
    p.add_argument("--config", type=Path, help="settings as TOML")
    p.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one setting; repeatable")
    p.add_argument("--fresh", action="store_true", help="make everything again")


def add_runner_options(p: argparse._ArgumentGroup) -> None:
    """Options that say where tasks run."""
    p.add_argument(
        "--runner",
        choices=("auto", *get_args(Runner)),
        default="auto",
        help="auto (default): threads for a few small slices, else processes",
    )
    p.add_argument("--workers", type=int, help="default: one a core")
    p.add_argument("--dask-address", help="a running Dask scheduler, tcp://...")


def refuse_unfit_options(arguments: argparse.Namespace) -> None:
    """Refuse options of the runner that contradict each other, and a home that cannot be written.

    Raises
    ------
    BadInputError, OutputError
    """
    if arguments.workers is not None and arguments.workers < 1:
        raise BadInputError(f"--workers: got {arguments.workers}, wanted 1 at least")
    if arguments.dask_address and arguments.runner != "dask":
        raise BadInputError(f"--dask-address goes with --runner dask, not {arguments.runner}")
    if arguments.dask_address and arguments.workers is not None:
        raise BadInputError("--workers: got it with --dask-address, but that cluster has workers of its own")
    refuse_unwritable_home()


class Sessions:
    """One server for several flows, opened when the first of them needs it.

    After an error they are closed: the next flow opens its own.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments, self._open = arguments, ExitStack()
        self._url = ""

    def opened(self, kind: Runner) -> tuple[TaskRunner[Any], str]:
        """A runner of a kind, and the address of the server.

        Raises
        ------
        ServerError
            If a configured server does not answer, or the embedded one does not start.
        """
        if not self._url:
            if not self._arguments.quiet:
                # It takes seconds, and many on a busy machine.
                print("starting Prefect", flush=True)
            self._url = self._open.enter_context(_server())
        return task_runner(kind, self._arguments.workers, self._arguments.dask_address), self._url

    def __enter__(self) -> Opened:
        return self.opened

    def __exit__(self, *error: Any) -> None:
        self._url = ""
        self._open.__exit__(*error)


@contextmanager
def _server() -> Iterator[str]:
    # What went wrong is said in one line at the end. A real server has the log; nobody reads that of ours.
    silent = "HANDLERS_CONSOLE_LEVEL" if os.environ.get("PREFECT_API_URL") else "LEVEL"
    os.environ.setdefault(f"PREFECT_LOGGING_{silent}", "CRITICAL")
    os.environ.setdefault("PREFECT_INTERNAL_LOGGING_LEVEL", "CRITICAL")
    # Prefect takes seconds to import: bad input and --help must not wait for it.
    from flows.engine.api import api
    from flows.engine.prefect_environment import refuse_odd_settings, refuse_unreachable_api

    refuse_odd_settings()
    refuse_unreachable_api()
    with api(own_process=True) as url:
        yield url


@contextmanager
def shown_on(
    console: Console,
    arguments: argparse.Namespace,
    stages: Mapping[str, str],
    told: Callable[[str], float | None] | None = None,
    report: Path | None = None,
) -> Iterator[None]:
    """Show on a terminal what flows report within; if one fails, say what to do and where to look."""
    from flows.engine.runners import worker_count
    from flows.terminal.listener import listener
    from flows.terminal.live_table import LiveTable
    from flows.terminal.plain_lines import PlainLines, redraws

    progress: LiveTable | PlainLines = (
        LiveTable(console, worker_count(arguments.workers), told, stages=stages)
        if redraws(console)
        else PlainLines(console)
    )
    token = listener.set(progress)
    try:
        yield
    except StageFailedError as error:
        error.add_note(f"{RESUME}; {report} shows where it failed" if report else RESUME)
        raise
    finally:
        listener.reset(token)
        progress.close()
