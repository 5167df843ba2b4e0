"""Child processes of a run: they die with it, however it dies, and know this package only.

A worker that outlived its run would still write where the next one works. A spawned process imports
the script that spawned it; one that calls the flow without `if __name__ == "__main__":` would start
the flow again in each worker. Tasks lie in modules of ours, so workers need no script.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import spawn
from multiprocessing.process import BaseProcess
from threading import Lock
from typing import Any

_NO_TRACKER = "ignore:resource_tracker:UserWarning"
"""What a worker that was killed leaves behind, Python's tracker removes; it need not say so."""
_lock = Lock()
_usual = spawn.get_preparation_data
_entered = 0


def die_with_parent() -> None:
    """Have this worker of a process pool killed as soon as the process that started it is gone."""
    parent = multiprocessing.parent_process()
    # Ctrl-C reaches all processes of a terminal; the run itself says what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)


def quiet_tracker() -> None:
    """Have Python's tracker of semaphores, if it starts from now on, clean up without a word."""
    if _NO_TRACKER not in sys.warnoptions:
        sys.warnoptions.append(_NO_TRACKER)


def end_workers() -> None:
    """Kill all workers of this process at once: what they have half made, the next run removes."""
    for child in multiprocessing.active_children():
        child.kill()


def kill_after_us(pid: int) -> None:
    """Have a child that cannot watch us itself killed as soon as this process is gone."""
    # The pipe is held by nobody else, and closes with us.
    subprocess.Popen(
        ["/bin/sh", "-c", "read _; kill -9 $0 2>/dev/null", str(pid)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


@contextmanager
def bare_workers() -> Iterator[None]:
    """Processes spawned meanwhile, by any thread, do not import `__main__`."""
    global _entered
    with _lock:
        _entered += 1
        spawn.get_preparation_data = _without_main
    try:
        yield
    finally:
        with _lock:
            _entered -= 1
            if not _entered:
                spawn.get_preparation_data = _usual


def _without_main(name: str) -> dict[str, Any]:
    return {key: value for key, value in _usual(name).items() if not key.startswith("init_main_from_")}
