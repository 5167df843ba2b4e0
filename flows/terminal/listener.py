"""Progress: what the flow reports while it runs; nobody hears it unless a command line listens."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Protocol


class Progress(Protocol):
    """A listener."""

    def stage(self, name: str, total: int) -> None:
        """A stage of `total` task runs begins."""
        ...

    def done(self, name: str, state: str, seconds: float, reason: str, *, hard_skip: bool) -> None:
        """One task run ended; `state` is Completed, Cached, Failed, Crashed or Cancelled."""
        ...

    def warning(self, text: str) -> None:
        """Something the user should know."""
        ...


class Silent:
    """Listens to nothing."""

    def stage(self, name: str, total: int) -> None:
        return

    def done(self, name: str, state: str, seconds: float, reason: str, *, hard_skip: bool) -> None:
        return

    def warning(self, text: str) -> None:
        return


_SILENT = Silent()
listener: ContextVar[Progress] = ContextVar("listener", default=_SILENT)
