"""Signals that end a command: one line, whichever it was and whenever it came."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_WORDS = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "terminated",
    signal.SIGHUP: "its terminal is gone",
}
_reason = ""
"""Why this process is stopping, once it is."""
_ending = False


class Stopped(KeyboardInterrupt):
    """A command was told to stop; the message says how, in a word or two."""


def is_stopping() -> bool:
    """Whether this process was told to stop, by a signal of its own or by one that Prefect took."""
    return bool(_reason) or _ending


def why_stopping() -> str:
    """How this process was told to stop, in a word or two; what Prefect takes is SIGTERM."""
    return _reason or _WORDS[signal.SIGTERM]


def note_stop() -> None:
    """Have `is_stopping` say yes: somebody else has taken the signal."""
    global _ending
    _ending = True


@contextmanager
def signals_as_errors(exit_code: int, last_line: str) -> Iterator[None]:
    """Have the first signal raise `Stopped` in the main thread, and a second one end the process.

    Signals that are ignored, as after nohup, stay so.

    Parameters
    ----------
    exit_code, last_line
        What the second one ends it with; `{}` in the line stands for the reason.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: FrameType | None) -> NoReturn:
        global _reason
        if _reason:
            with suppress(OSError):
                os.write(2, f"{last_line.format(_reason)}\n".encode())
            os._exit(exit_code)
        _reason = _WORDS[signal.Signals(number)]
        raise Stopped(_reason)

    before = {
        number: signal.signal(number, stop)
        for number in STOPPING
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        # Once it stops, signals that follow still mean the same.
        if not _reason:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextmanager
def signals_held() -> Iterator[None]:
    """Have signals that stop this process wait for the end of what must not be left half done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def hold(number: int, _: FrameType | None) -> None:
        came.append(number)

    before: dict[int, Any] = {}
    try:
        for number in STOPPING:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, hold)
        yield
    finally:
        for held, handler in before.items():
            signal.signal(held, handler)
        for one in came:
            signal.raise_signal(one)


def print_error(line: str) -> None:
    """Print a line on standard error, if there is one: a terminal may be gone."""
    with suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)
