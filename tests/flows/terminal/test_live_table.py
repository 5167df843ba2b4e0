"""The live table: what it shows at each moment, and the command on a terminal."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from tiny_slices import small_acquisition

from flows.terminal.live_table import LiveTable


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=90, _environ={"TERM": "xterm"})


def _rows(table: LiveTable) -> dict[str, list[str]]:
    plain = Console(file=io.StringIO(), width=90)
    plain.print(table.table())
    lines = plain.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return {line[:14].strip(): line[14:].split() for line in lines}


def test_a_row_a_stage_from_waiting_to_done(console: Console) -> None:
    clock = Clock()
    table = LiveTable(console, workers=2, clock=clock)
    try:
        assert list(_rows(table)) == [
            *("stage", "detect gaps", "interpolate", "previews"),
            *("finalise", "register pairs", "stack", "report"),
        ]
        assert _rows(table)["register pairs"] == []
        table.stage("interpolate_missing_slice", 4)
        clock.now += 5
        assert _rows(table)["interpolate"] == ["0/4", "0:05"], "nothing to tell the time left from"
        table.done("interpolate z01", "Cached", 0.0, "", hard_skip=False)
        assert _rows(table)["interpolate"] == ["1/4", "1", "0:05"], "cached ones tell nothing either"
        table.done("interpolate z03", "Completed", 60.0, "low_overlap_ncc", hard_skip=True)
        assert _rows(table)["interpolate"] == ["2/4", "1", "1", "0:05", "1:00"]
        table.done("interpolate z05", "Failed", 60.0, "disk gone", hard_skip=False)
        table.done("interpolate z07", "Completed", 60.0, "", hard_skip=False)
        clock.now += 1000
        assert _rows(table)["interpolate"] == ["4/4", "1", "1", "1", "0:05"], "its clock stands still"
        table.stage("render_preview", 0)
        assert _rows(table)["previews"] == ["none"]
        table.warning("mind the [gap]")
    finally:
        table.close()
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "warning: mind the [gap]" in shown
    assert "interpolate z05: failed: disk gone" in shown
    assert shown.endswith("\x1b[?25h"), "the cursor is back"


def test_the_command_on_a_terminal(prefect_server: None, tmp_path: Path) -> None:
    from prefect.settings import PREFECT_API_URL

    acquisition = small_acquisition(tmp_path / "mouse")
    screen, terminal = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment |= {"TERM": "xterm", "COLUMNS": "90", "PREFECT_API_URL": PREFECT_API_URL.value() or ""}
    command = [sys.executable, "-m", "flows.reconstruct", str(acquisition), "--runner", "threads"]
    with subprocess.Popen(command, env=environment, stdout=terminal, stderr=terminal) as run:
        os.close(terminal)
        shown = _all_of(screen)
    assert run.returncode == 0, shown
    for part in ("detect gaps", "register pairs", "1/1", "open ", "report.html in a browser"):
        assert part in shown, shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor is back"


def _all_of(screen: int) -> str:
    read = b""
    with os.fdopen(screen, "rb", buffering=0) as stream:
        try:
            while some := stream.read(65536):
                read += some
        except OSError:
            pass  # how a pty says that nobody writes any more
    return read.decode()
