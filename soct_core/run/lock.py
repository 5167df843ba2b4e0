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
from uuid import uuid4

from pydantic import ValidationError

from schemas.contract import Contract
from soct_core.errors import OutputBusyError, OutputError
from soct_core.file_names import LOCK_PATH
from soct_core.storage.atomic import sync_directory
from soct_core.storage.own_files import open_own, read_own

BEAT_SECONDS = 5.0
"""How often a holder refreshes its record. Chosen by hand."""
_MISSED_BEATS = 3
"""Beats that a holder on another host must miss to count as dead. Chosen by hand."""
_SETTLING_BEATS = 0.4
"""How long two runs that started at once let their records settle where nothing can be locked, in beats.
Chosen by hand: file attributes of NFS are up to 3 s old, and a record takes its way."""
_NO_FLOCK = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF}
_MOST_BYTES = 2**16

NO_LOCKS = (
    "{}: this file system has no locks; a second run is told apart by the record of the first alone, which "
    "takes it 15 s to see, and a run that stands still for longer than that is taken for dead"
)
NO_SYNC = (
    "{}: this file system cannot sync directories; after a loss of power, what was published in the last "
    "moments may be gone and is made again"
)


class LockRecord(Contract):
    """Who holds the lock; empty when nobody does."""

    pid: int
    host: str
    started: datetime
    command: str
    alive: datetime
    """Refreshed every few seconds."""
    token: str = ""
    """Of one run alone."""


class _Holder:
    """A run, as it writes itself into the lock file."""

    def __init__(self, descriptor: int, command: str) -> None:
        self._descriptor, self._command = descriptor, command
        self._started, self.token = datetime.now(UTC), uuid4().hex

    def write(self) -> None:
        record = LockRecord(
            pid=os.getpid(),
            host=socket.gethostname(),
            started=self._started,
            command=self._command,
            alive=datetime.now(UTC),
            token=self.token,
        )
        data = record.model_dump_json().encode()
        os.pwrite(self._descriptor, data, 0)
        os.ftruncate(self._descriptor, len(data))
        os.fsync(self._descriptor)

    def beat(self, stopped: threading.Event) -> None:
        while not stopped.wait(BEAT_SECONDS):
            # A full disk must not end the run from this thread: the run will meet it where it writes.
            with suppress(OSError):
                self.write()


@contextmanager
def run_lock(output: Path, command: str) -> Iterator[tuple[str, ...]]:
    """Hold the lock of an output directory; makes the directory.

    Gives what cannot be promised on its file system, a line each.

    Raises
    ------
    OutputBusyError
        If another run holds it; the message names that run.
    OutputError
        If the directory cannot be written.
    ForeignFileError
        If something else lies where the lock should.
    """
    path = output / LOCK_PATH
    try:
        descriptor = open_own(output, LOCK_PATH, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"{output}: cannot be written: {error.strerror or error}") from error
    try:
        carried = _take(descriptor, output)
        holder, stopped = _Holder(descriptor, command), threading.Event()
        try:
            holder.write()
            synced = sync_directory(path.parent)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
        if not carried:
            time.sleep(_SETTLING_BEATS * BEAT_SECONDS)
            if _holder(_read(output)).token != holder.token:
                raise OutputBusyError(_busy(output))
        heart = threading.Thread(target=holder.beat, args=(stopped,), daemon=True)
        heart.start()
        missing = (() if carried else (NO_LOCKS,)) + (() if synced else (NO_SYNC,))
        try:
            yield tuple(line.format(output) for line in missing)
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
    ForeignFileError
        If something else lies where the lock should.
    """
    try:
        descriptor = open_own(output, LOCK_PATH, os.O_RDONLY)
    except OSError:
        return
    try:
        # Shared: where byte ranges stand in for it, an exclusive one asks for a file open for writing.
        _flock(descriptor, output, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _take(descriptor: int, output: Path) -> bool:
    """Whether the file system knows locks; an OutputBusyError if another run is at work."""
    carried = _flock(descriptor, output, fcntl.LOCK_EX)
    found = _read(output)
    if not found or (carried and _holder(found).host == socket.gethostname()):
        return carried
    last = time.monotonic() + _MISSED_BEATS * BEAT_SECONDS
    while time.monotonic() < last:
        time.sleep(BEAT_SECONDS / 10)
        # Opened anew each time: network file systems look for news only then.
        if _read(output) != found:
            raise OutputBusyError(_busy(output))
    return carried


def _flock(descriptor: int, output: Path, kind: int) -> bool:
    """Whether the file system knows locks; an OutputBusyError if another process holds this one."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError) as error:  # POSIX allows both answers for byte ranges
        raise OutputBusyError(_busy(output)) from error
    except OSError as error:
        if error.errno not in _NO_FLOCK:
            raise OutputError(f"{output / LOCK_PATH}: cannot be locked: {error.strerror or error}") from error
        return False
    return True


def _read(output: Path) -> bytes:
    try:
        return read_own(output, LOCK_PATH, _MOST_BYTES)
    except OSError as error:
        raise OutputError(f"{output / LOCK_PATH}: cannot be read: {error.strerror or error}") from error


def _busy(output: Path) -> str:
    holder = _holder(_read(output))
    who = f"pid {holder.pid} on {holder.host} since {holder.started:%Y-%m-%d %H:%M:%S} UTC: {holder.command}"
    return f"{output}: another run is at work there ({who}); wait for it, or stop it"


def _holder(record: bytes) -> LockRecord:
    try:
        return LockRecord.model_validate_json(record)
    except ValidationError:
        now = datetime.now(UTC)
        return LockRecord(pid=0, host="unknown host", started=now, command="unknown command", alive=now)
