"""Task runners: threads, processes, or a Dask cluster."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from flows.orphans import die_with_parent

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner

Runner = Literal["threads", "processes", "dask"]
# elastix holds the GIL, so that only processes use more than one core.
DEFAULT_RUNNER: Runner = "processes"


def worker_count(asked: int | None) -> int:
    """As many as asked for, or one a core."""
    return asked or len(os.sched_getaffinity(0))


def task_runner(kind: Runner, workers: int | None = None, dask_address: str | None = None) -> TaskRunner[Any]:
    """The runner of a kind; one worker a core unless told otherwise.

    Raises
    ------
    ImportError
        If dask is asked for and not installed.
    """
    # Imported late: command lines name the runners before they need Prefect.
    from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

    count = worker_count(workers)
    if kind == "threads":
        return ThreadPoolTaskRunner(max_workers=count)
    if kind == "processes":
        return ProcessPoolTaskRunner(max_workers=count, initializer=die_with_parent)
    from prefect_dask.task_runners import DaskTaskRunner

    if dask_address is not None:
        return DaskTaskRunner(address=dask_address)
    return DaskTaskRunner(
        cluster_kwargs={"n_workers": count, "threads_per_worker": 1, "dashboard_address": None}
    )
