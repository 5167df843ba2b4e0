"""How far a long stage has come; silent unless somebody in the same process listens."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

Listener = Callable[[int, int], None]
"""Takes the steps done and the steps in all."""


def _nobody(_done: int, _total: int) -> None:
    return


listener: ContextVar[Listener] = ContextVar("listener", default=_nobody)


def tell(done: int, total: int) -> None:
    """Say that `done` of `total` steps are done."""
    listener.get()(done, total)
