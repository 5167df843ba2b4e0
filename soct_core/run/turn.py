"""Runs that take turns on an output: one works, the others wait, and who died is known to be dead.

Every sign of life here is a lock on a file, which ends with its process however that ends. So a run
that was killed neither blocks the next one nor has to be waited for.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal

from soct_core.errors import AnotherWaitsError, OutputBusyError, OutputError
from soct_core.file_names import ALIVE_FOLDER, WAITING_PATH
from soct_core.run.lock import run_lock
from soct_core.storage.own_files import open_own, read_own

LOOK_SECONDS = 2.0
"""How often a run that waits looks whether it is its turn. Chosen by hand."""
_MOST_BYTES = 2**16
Life = Literal["alive", "dead", "unknown", "no sign"]


@contextmanager
def turn(output: Path, command: str, work: str, waits: Callable[[str], None]) -> Iterator[tuple[str, ...]]:
    """Hold the lock of an output once it is free; see `run_lock`.

    Parameters
    ----------
    work
        What the run is to do. A run gives way to one that waits to do the same: that one will see all
        that this one would see.
    waits
        Told once who holds the lock, if somebody does.

    Raises
    ------
    AnotherWaitsError
    """
    with ExitStack() as held:
        with ExitStack() as queue:
            told = False
            while True:
                try:
                    missing = held.enter_context(run_lock(output, command))
                    break
                except OutputBusyError as error:
                    if not told:
                        first = queue.enter_context(_locked(output, WAITING_PATH, work.encode()))
                        if not first and read_own(output, WAITING_PATH, _MOST_BYTES) == work.encode():
                            raise AnotherWaitsError(f"{error}; another run waits to do the same") from error
                        waits(str(error))
                        told = True
                time.sleep(LOOK_SECONDS)
        yield missing


@contextmanager
def sign_of_life(output: Path, name: str) -> Iterator[None]:
    """Have `life_of` say "alive" of this name as long as this process lives and is within."""
    with _locked(output, f"{ALIVE_FOLDER}/{name}", socket.gethostname().encode()):
        try:
            yield
        finally:
            forget(output, name)


def life_of(output: Path, name: str) -> Life:
    """What is known of a run by the sign of life that it gave, if any.

    It is "unknown" where the run was on another host, since not every file system carries locks so far,
    and where there are no locks.
    """
    try:
        descriptor = open_own(output, f"{ALIVE_FOLDER}/{name}", os.O_RDONLY)
    except OSError:
        return "no sign"
    try:
        if os.pread(descriptor, _MOST_BYTES, 0) != socket.gethostname().encode():
            return "unknown"
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return "alive"
    except OSError:
        return "unknown"
    finally:
        os.close(descriptor)
    return "dead"


def forget(output: Path, name: str) -> None:
    """Remove a sign of life."""
    with suppress(OSError):
        (output / ALIVE_FOLDER / name).unlink()


@contextmanager
def _locked(output: Path, name: str, content: bytes = b"") -> Iterator[bool]:
    """Whether this process holds the lock of a file within; where there are no locks, it says so too."""
    try:
        descriptor = open_own(output, name, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"{output / name}: cannot be written: {error.strerror or error}") from error
    try:
        mine = _take(descriptor)
        if mine:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, content, 0)
        yield mine
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return True
    return True
