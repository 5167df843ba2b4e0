"""Every call of a run that changes its output: counted, and one of them made to kill it or to fail.

The product knows nothing of this. Files are opened by Python's own `_pyio`, so that whatever Python code
writes, zarr and Prefect included, passes through functions of `os`, and those are wrapped: in the flow's
process and in the workers of its pool, which share one count. Dying before each call in turn is dying after
each; a write dies, or fails, with half of its bytes on the disk.
"""

from __future__ import annotations

import _pyio  # type: ignore[import-not-found]
import builtins
import errno
import io
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

KILL, ANY = "killed", "any"
_GROWS = {"create", "write", "mkdir", "rename", "link", "symlink", "truncate", "sync"}
_CHANGES = _GROWS | {"open", "unlink", "rmdir", "mode"}
KINDS = {
    ANY: _CHANGES | {"read"},
    KILL: _CHANGES,
    "ENOSPC": _GROWS,
    "EDQUOT": _GROWS,
    "EIO": _CHANGES | {"read"},
    "EMFILE": {"create", "open", "read"},
    "EACCES": _CHANGES - {"write", "sync"} | {"read"},
}
"""By fault, the kinds of calls that it can happen to; `read` is an open for reading."""

_CALLS = {
    "mkdir": ("mkdir", 0),
    "rmdir": ("rmdir", 0),
    "unlink": ("unlink", 0),
    "remove": ("unlink", 0),
    "rename": ("rename", 1),
    "replace": ("rename", 1),
    "link": ("link", 1),
    "symlink": ("symlink", 1),
    "truncate": ("truncate", 0),
    "ftruncate": ("truncate", 0),
    "write": ("write", 0),
    "pwrite": ("write", 0),
    "sendfile": ("write", 0),
    "copy_file_range": ("write", 1),
    "fsync": ("sync", 0),
    "fdatasync": ("sync", 0),
    "chmod": ("mode", 0),
    "utime": ("mode", 0),
}
"""Functions of `os`: the kind of call, and which argument says where."""
_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_TRUNC | os.O_APPEND

Met = Callable[[str, str, Callable[[], None]], None]
"""Is told the kind of a call, its path, and how to do half of it; may come back, raise, or never return."""


@dataclass(frozen=True)
class Fault:
    """What happens at the n-th call that it can happen to; with `stays`, at all calls after it too."""

    what: str
    nth: int
    stays: bool = False

    def __str__(self) -> str:
        return f"{self.what} {'from' if self.stays else 'at'} call {self.nth}"


class Calls:
    """The count of the calls of a run, and where the fault struck; shared by all its processes."""

    def __init__(self, folder: Path) -> None:
        self._count, self._struck, self._all = (folder / f"calls-{n}" for n in ("count", "struck", "all"))

    def clear(self) -> None:
        """Begin anew."""
        for path in (self._count, self._struck, self._all):
            path.unlink(missing_ok=True)

    def count(self) -> int:
        """How many calls there were."""
        return self._count.stat().st_size if self._count.exists() else 0

    def all(self) -> list[str]:
        """All calls, where no fault was set."""
        return self._all.read_text().splitlines() if self._all.exists() else []

    def struck(self) -> str:
        """The call that the fault came upon first; empty if the run had ended before."""
        return self._struck.read_text().partition("\n")[0] if self._struck.exists() else ""

    def arm(self, fault: Fault, *roots: Path) -> None:
        """Wrap this process; calls below `roots` count. With `nth` 0, they are only listed."""
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        count, struck, listed = (os.open(p, append) for p in (self._count, self._struck, self._all))
        write, lock, below = os.write, threading.Lock(), tuple(f"{root}{os.sep}" for root in roots)

        def met(kind: str, path: str, half: Callable[[], None]) -> None:
            if kind not in KINDS[fault.what] or not f"{path}{os.sep}".startswith(below):
                return
            line = f"{kind} {os.path.relpath(path, roots[0])}\n".encode()
            with lock:
                # Appended: where it ends is its number, whichever process counts.
                write(count, b".")
                nth = os.lseek(count, 0, os.SEEK_CUR)
                if not fault.nth:
                    write(listed, line)
            if fault.nth and (nth == fault.nth or (fault.stays and nth > fault.nth)):
                write(struck, line)
                half()
                _strike(fault.what, path)

        wrap_calls(met)


def _strike(what: str, path: str) -> None:
    if what == KILL:
        os.killpg(os.getpgrp(), signal.SIGKILL)
        signal.pause()
    code = getattr(errno, what)
    raise OSError(code, os.strerror(code), path)


def wrap_calls(met: Met) -> None:
    """Have `met` called before every call of this process that changes a file or opens one."""
    from soct_core.storage import atomic

    for name, (kind, position) in _CALLS.items():
        setattr(os, name, _wrapped(getattr(os, name), kind, position, met))
    os.open = _wrapped_open(os.open, met)
    builtins.open = io.open = _pyio.open
    exchange = atomic._exchange

    def met_exchange(partial: Path, final: Path) -> None:
        met("rename", os.fspath(final), _nothing)
        exchange(partial, final)

    atomic._exchange = met_exchange


def _wrapped(real: Callable[..., Any], kind: str, position: int, met: Met) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        place = _place(args[position], kwargs.get("dst_dir_fd", kwargs.get("dir_fd")))
        met(kind, place, partial(_half, real, args))
        return real(*args, **kwargs)

    return call


def _half(real: Callable[..., Any], args: tuple[Any, ...]) -> None:
    if real.__name__ in ("write", "pwrite"):
        data = memoryview(args[1]).cast("B")
        real(args[0], data[: len(data) // 2], *args[2:])


def _nothing() -> None:
    pass


def _wrapped_open(real: Callable[..., int], met: Met) -> Callable[..., int]:
    def call(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        kind = "create" if flags & os.O_CREAT else "open" if flags & _TO_WRITE else "read"
        met(kind, _place(path, dir_fd), _nothing)
        return real(path, flags, mode, dir_fd=dir_fd)

    return call


def _place(path: Any, folder: int | None) -> str:
    """Absolute path of what a call is about, given by a name or a descriptor."""
    if isinstance(path, int):
        return str(Path(f"/proc/self/fd/{path}").readlink())
    base = Path.cwd() if folder is None else Path(f"/proc/self/fd/{folder}").readlink()
    return str(base / os.fsdecode(path))
