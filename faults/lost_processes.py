"""Faults of processes: a worker or its parent killed, two runs at once, the lock of a dead run."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from faults import moments
from faults.bench import Bench
from faults.trial import Outcome, outcome
from soct_core.file_names import LOCK_PATH


def kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def worker_killed(on: Bench) -> Outcome:
    code = on.run(runner="processes", prepare=partial(moments.arm, "after rename transform.json", kill_self))
    return outcome(on, "a worker of the pool killed", code, 1, "a worker process died")


def only_the_parent_killed(on: Bench) -> Outcome:
    """Its workers must not go on writing."""
    child = on.start(
        runner="processes", prepare=partial(moments.arm, "before checksums interpolate_z02", hold)
    )
    held = on.folder / "held"
    wait_until(held.exists)
    os.kill(child, signal.SIGKILL)
    on.wait(child)
    wait_until(lambda: not _alive_in_group(child), 30)
    left = _alive_in_group(child)
    held.unlink()
    found = outcome(on, "only the parent killed", -9, -9)
    return Outcome(found.fault, -9, f"{len(left)} workers outlived it", not left, found.lost)


def two_at_once(on: Bench) -> Outcome:
    child = on.start(prepare=partial(moments.arm, "merge fragments", hold))
    held = on.folder / "held"
    wait_until(held.exists)
    code = on.run()
    said = on.said().replace(str(on.folder), "")
    held.unlink()
    first = on.wait(child)
    named = f"pid {child} on" in said and "\n" not in said
    return Outcome("two runs at once", code, said, code == 1 and first == 0 and named, on.lost())


def dead_lock(on: Bench) -> Outcome:
    """The lock of a dead run, of this host and of another one."""
    lock = on.output / LOCK_PATH
    for host in (os.uname().nodename, "elsewhere"):
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.write_text(
            f'{{"pid":1,"host":"{host}","started":"2026-01-01T00:00:00Z","command":"x","alive":"2026-01-01T00:00:00Z"}}'
        )
        code = on.run()
        if code:
            return Outcome("lock of a dead run", code, on.said(), False, "blocked")
    return outcome(on, "lock of a dead run", code, 0)


def hold() -> None:
    """Stay where it is until the file `held` in the output is removed."""
    held = Path(os.environ["FAULTS_HELD"])
    held.touch()
    wait_until(lambda: not held.exists())


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    last = time.monotonic() + seconds
    while not condition() and time.monotonic() < last:
        time.sleep(0.05)


def _alive_in_group(group: int) -> list[str]:
    alive = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            alive.append(stat.parent.name)
    return alive


FAULTS = (worker_killed, only_the_parent_killed, two_at_once, dead_lock)
