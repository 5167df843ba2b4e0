"""The lock of a run: one run at a time on an output, and a dead run blocks nobody.

`flock` on `.soct/lock` dies with its process, however it dies. Not every shared file system
carries it to other hosts, so the holder's record is also refreshed every few seconds: who finds
the record of another host watches it for a while, and gives way only if it is still refreshed.
No clock is compared with another.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from schemas.contract import Contract
from soct_core.errors import OutputBusyError, OutputError
from soct_core.file_names import LOCK_PATH

BEAT_SECONDS = 5.0
"""How often a holder refreshes its record. Chosen by hand."""
_MISSED_BEATS = 3
"""Beats that a holder on another host must miss to count as dead. Chosen by hand."""
_NO_FLOCK = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


class LockRecord(Contract):
    """Who holds the lock; empty when nobody does."""

    pid: int
    host: str
    started: datetime
    command: str
    alive: datetime
    """Refreshed every few seconds."""


@contextmanager
def run_lock(output: Path, command: str) -> Iterator[None]:
    """Hold the lock of an output directory; makes the directory.

    Raises
    ------
    OutputBusyError
        If another run holds it; the message names that run.
    OutputError
        If the directory cannot be written.
    """
    path = output / LOCK_PATH
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(f"{output}: cannot be written: {error.strerror or error}") from error
    try:
        _take(descriptor, path)
        stopped = threading.Event()
        started = datetime.now(UTC)
        try:
            _write(descriptor, command, started)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
        heart = threading.Thread(target=_beat, args=(descriptor, command, started, stopped), daemon=True)
        heart.start()
        try:
            yield
        finally:
            stopped.set()
            heart.join()
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def refuse_if_busy(output: Path) -> None:
    """Refuse at once what `run_lock` would refuse later; takes nothing, makes nothing.

    Raises
    ------
    OutputBusyError
        If another run on this host, or on a file system that carries locks, holds the lock.
    """
    try:
        descriptor = os.open(output / LOCK_PATH, os.O_RDONLY)
    except OSError:
        return
    try:
        _flock(descriptor, output / LOCK_PATH)
    finally:
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    carried = _flock(descriptor, path)
    found = path.read_bytes()
    if not found or (carried and _holder(found).host == socket.gethostname()):
        return
    last = time.monotonic() + _MISSED_BEATS * BEAT_SECONDS
    while time.monotonic() < last:
        time.sleep(BEAT_SECONDS / 10)
        # Opened anew each time: network file systems look for news only then.
        if path.read_bytes() != found:
            raise OutputBusyError(_busy(path))


def _flock(descriptor: int, path: Path) -> bool:
    """Whether the file system knows locks; an OutputBusyError if another process holds this one."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputBusyError(_busy(path)) from error
    except OSError as error:
        if error.errno not in _NO_FLOCK:
            raise OutputError(f"{path}: cannot be locked: {error.strerror or error}") from error
        return False
    return True


def _busy(path: Path) -> str:
    holder = _holder(path.read_bytes())
    who = f"pid {holder.pid} on {holder.host} since {holder.started:%Y-%m-%d %H:%M:%S} UTC: {holder.command}"
    return f"{path.parent.parent}: another run is at work there ({who}); wait for it, or stop it"


def _holder(record: bytes) -> LockRecord:
    try:
        return LockRecord.model_validate_json(record)
    except ValidationError:
        now = datetime.now(UTC)
        return LockRecord(pid=0, host="unknown host", started=now, command="unknown command", alive=now)


def _beat(descriptor: int, command: str, started: datetime, stopped: threading.Event) -> None:
    while not stopped.wait(BEAT_SECONDS):
        # A full disk must not end the run from this thread: the run will meet it where it writes.
        with suppress(OSError):
            _write(descriptor, command, started)


def _write(descriptor: int, command: str, started: datetime) -> None:
    record = LockRecord(
        pid=os.getpid(),
        host=socket.gethostname(),
        started=started,
        command=command,
        alive=datetime.now(UTC),
    )
    data = record.model_dump_json().encode()
    os.pwrite(descriptor, data, 0)
    os.ftruncate(descriptor, len(data))
    os.fsync(descriptor)
