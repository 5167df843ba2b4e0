"""What a stage says while it works: how far it has come, and what it lost; silent unless somebody listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Listener = Callable[[int, int], None]
"""Takes the steps done and the steps in all."""


def _nobody(_done: int, _total: int) -> None:
    return


listener: ContextVar[Listener] = ContextVar("listener", default=_nobody)


def tell(done: int, total: int) -> None:
    """Say that `done` of `total` steps are done."""
    listener.get()(done, total)


_losses: ContextVar[list[str] | None] = ContextVar("losses", default=None)


@contextmanager
def noting_losses() -> Iterator[list[str]]:
    """What is lost within to a passing error of disk or memory, a picture say, though the result is whole."""
    found: list[str] = []
    token = _losses.set(found)
    try:
        yield found
    finally:
        _losses.reset(token)


def note_loss(what: str, error: BaseException) -> None:
    """Say that a part was lost, if the error is one that may pass: the next run should try again."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    found = _losses.get()
    if found is not None and any(isinstance(one, OSError | MemoryError) for one in causes):
        found.append(what)
