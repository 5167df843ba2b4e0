"""The live table: what it shows at each moment, and when there is none."""

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
from flows.terminal.plain_lines import redraws
from flows.terminal.stage_rows import StageRow


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


def test_time_left_is_shared_among_workers_and_never_made_up() -> None:
    row = StageRow("pairs")
    assert row.left(2, 0.0) is None
    row.begin(10, 0.0)
    assert row.left(2, 5.0) is None
    row.end_one("Completed", 8.0, 8.0, hard_skip=False)
    row.end_one("Completed", 12.0, 12.0, hard_skip=False)
    assert row.left(2, 12.0) == 10.0 * 8 / 2
    assert row.left(100, 12.0) == 10.0, "no more workers than tasks"
    assert row.left(2, 22.0) == 30.0
    assert row.left(2, 52.0) is None, "it took longer than thought"


def test_a_stage_that_tells_is_believed() -> None:
    row = StageRow("stack")
    row.begin(1, 0.0)
    row.fraction = 0.01
    assert row.left(2, 10.0) is None
    row.fraction = 0.25
    assert row.left(2, 10.0) == pytest.approx(30.0)
    row.end_one("Completed", 40.0, 40.0, hard_skip=False)
    assert row.left(2, 41.0) is None


@pytest.mark.parametrize(
    ("environment", "terminal", "quiet", "live"),
    [
        ({"TERM": "xterm"}, True, False, True),
        ({"TERM": "xterm"}, False, False, False),
        ({"TERM": "xterm"}, True, True, False),
        ({"TERM": "dumb"}, True, False, False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, True, False, False),
    ],
)
def test_only_a_terminal_that_can_be_redrawn(
    environment: dict[str, str], terminal: bool, quiet: bool, live: bool
) -> None:
    console = Console(file=io.StringIO(), force_terminal=terminal, quiet=quiet, _environ=environment)
    assert redraws(console) == live


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
