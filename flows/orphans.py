"""Orphans: processes that a run has started die with it, however it dies.

A worker that outlived its run would still write where the next one works.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import threading
from multiprocessing.process import BaseProcess


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


def kill_after_us(pid: int) -> None:
    """Have a child that cannot watch us itself killed as soon as this process is gone."""
    # The pipe is held by nobody else, and closes with us.
    subprocess.Popen(
        ["/bin/sh", "-c", "read _; kill -9 $0 2>/dev/null", str(pid)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
