"""Task runners: threads, processes, or a Dask cluster."""

from __future__ import annotations

import os
from concurrent.futures import BrokenExecutor, CancelledError
from typing import TYPE_CHECKING, Any, Literal, get_args

from flows.engine.child_processes import die_with_parent
from soct_core.errors import SettingsError, WorkerLostError

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner

Runner = Literal["threads", "processes", "dask"]
# elastix holds the GIL, so that only processes use more than one core.
DEFAULT_RUNNER: Runner = "processes"
_FEW_SLICES, _FEW_VOXELS = 6, 10**8
"""Up to here the work is done in threads before processes have imported what they need: 3 CPU s each.
Chosen by hand, see `benchmarks/waiting.py`."""
# By name: dask need not be installed.
_DASK_LOSSES = {"KilledWorker", "NoWorkerError", "NoValidWorkerError", "FutureCancelledError"}


def fit_runner(asked: str, slices: int, voxels: int) -> Runner:
    """The runner that was asked for; for `auto`, threads where there is little to do, else processes.

    Examples
    --------
    >>> fit_runner("auto", 4, 10**6), fit_runner("auto", 40, 10**6), fit_runner("dask", 4, 10**6)
    ('threads', 'processes', 'dask')
    """
    if asked == "auto":
        return "threads" if slices <= _FEW_SLICES and voxels <= _FEW_VOXELS else "processes"
    return next(kind for kind in get_args(Runner) if kind == asked)


def worker_count(asked: int | None) -> int:
    """Number of workers: as many as asked for, or one per core."""
    return asked or len(os.sched_getaffinity(0))


def task_runner(kind: Runner, workers: int | None = None, dask_address: str | None = None) -> TaskRunner[Any]:
    """The runner of a kind; one worker a core unless told otherwise.

    Raises
    ------
    SettingsError
        If dask is asked for and not installed.
    """
    # Imported late: command lines name the runners before they need Prefect.
    from prefect.task_runners import ThreadPoolTaskRunner

    from flows.engine.process_pool import Processes

    count = worker_count(workers)
    if kind == "threads":
        return ThreadPoolTaskRunner(max_workers=count)
    if kind == "processes":
        return Processes(max_workers=count, initializer=die_with_parent)
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError as error:
        raise SettingsError(f"the runner dask is not installed ({error}): pip install '.[dask]'") from error

    from flows.engine.dask_cluster import keep_dask_quiet

    keep_dask_quiet()
    if dask_address is not None:
        return DaskTaskRunner(address=dask_address)
    return DaskTaskRunner(
        cluster_kwargs={"n_workers": count, "threads_per_worker": 1, "dashboard_address": None}
    )


def lost_worker(error: BaseException) -> str | None:
    """What to say if a task did not fail itself but what ran it is gone; None otherwise."""
    if isinstance(error, BrokenExecutor):
        return "a worker process died, killed or out of memory"
    if isinstance(error, WorkerLostError):
        return str(error)
    if type(error).__name__ == "KilledWorker":
        return "it took several Dask workers down with it, killed or out of memory"
    if type(error).__name__ in _DASK_LOSSES or isinstance(error, CancelledError):
        return "the Dask scheduler or all its workers are gone"
    return None
