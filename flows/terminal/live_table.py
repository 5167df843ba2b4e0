"""The live table: a row a stage while a reconstruction runs on a terminal."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextvars import copy_context

from rich.console import Console
from rich.live import Live
from rich.table import Table

from flows.terminal.stage_rows import ONLY_IF_LARGE, STAGES, StageRow
from schemas.printable import printable

Told = Callable[[str], float | None]
"""Asked with the name of a stage: how far it reports to have come, 0 to 1; None if it reports nothing."""
_POLL_SECONDS = 2.0


class LiveTable:
    """Listens to a run and shows it as a table; warnings and failures stand above it.

    Parameters
    ----------
    workers
        How many task runs go on at a time.
    told
        Asked every two seconds, in a thread, while a stage of a single task runs.
    clock
        Seconds.
    stages
        Titles of the stages, by the name of their task.
    """

    def __init__(
        self,
        console: Console,
        workers: int,
        told: Told | None = None,
        clock: Callable[[], float] = time.monotonic,
        stages: Mapping[str, str] = STAGES,
    ) -> None:
        self._console, self._workers, self._clock = console, workers, clock
        self._rows = {name: StageRow(title) for name, title in stages.items()}
        self._current = ""
        self._closed = threading.Event()
        self._live = Live(get_renderable=self.table, console=console, refresh_per_second=4)
        self._live.start()
        if told is not None:
            # Which server to ask is in the context, and threads begin without one.
            threading.Thread(target=copy_context().run, args=(self._ask, told), daemon=True).start()

    def close(self) -> None:
        """Leave the table as it stands, and the terminal as it was."""
        self._closed.set()
        self._live.stop()

    def stage(self, name: str, total: int) -> None:
        self._current = name
        self._rows.setdefault(name, StageRow(name.replace("_", " "))).begin(total, self._clock())

    def done(self, name: str, state: str, seconds: float, reason: str, *, hard_skip: bool) -> None:
        self._rows[self._current].end_one(state, seconds, self._clock(), hard_skip=hard_skip)
        if state not in ("Completed", "Cached"):
            self._say(f"{name}: {state.lower()}: {reason}", "red")

    def warning(self, text: str) -> None:
        self._say(f"warning: {text}", "yellow")

    def table(self) -> Table:
        """The table as of now."""
        now = self._clock()
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        table.add_column("stage", no_wrap=True)
        for heading in ("done", "cached", "failed", "hard-skipped", "elapsed", "left"):
            table.add_column(heading, justify="right", no_wrap=True)
        for name, row in self._rows.items():
            if row.total is None and name in ONLY_IF_LARGE:
                continue
            table.add_row(*_cells(row, self._workers, now), style=_style(row))
        return table

    def _say(self, text: str, style: str) -> None:
        self._console.print(printable(text), style=style, markup=False, soft_wrap=True, highlight=False)

    def _ask(self, told: Told) -> None:
        while not self._closed.wait(_POLL_SECONDS):
            name = self._current
            row = self._rows.get(name)
            if row is not None and row.running and row.total == 1:
                row.fraction = told(name)


def _cells(row: StageRow, workers: int, now: float) -> tuple[str, ...]:
    if row.total is None:
        return row.title, "", "", "", "", "", ""
    done = f"{row.done}/{row.total}" if row.total else "none"
    if row.running and row.fraction is not None:
        done = f"{100 * row.fraction:.0f} %"
    counts = (str(count or "") for count in (row.cached, row.failed, row.hard_skipped))
    return row.title, done, *counts, _clock_time(row.elapsed(now)), _clock_time(row.left(workers, now))


def _style(row: StageRow) -> str:
    if row.failed:
        return "red"
    return "bold" if row.running else "" if row.total else "dim"


def _clock_time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
