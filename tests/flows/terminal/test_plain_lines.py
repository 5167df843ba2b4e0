"""Only a terminal that can be redrawn gets the live table."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from flows.terminal.plain_lines import PlainLines, print_lines, redraws, result_lines
from schemas.handoffs import PairOutcome, RunResult, StackOutcome
from schemas.run_record import GapRecord


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


def test_a_terminal_obeys_no_name_of_a_file() -> None:
    out = io.StringIO()
    lines = PlainLines(Console(file=out, force_terminal=True, no_color=True))
    lines.warning("mouse\x1b]0;owned\x07\x1b[2J: is odd")
    lines.done("register", "Failed", 1.0, "a\x1b[31mb\r", hard_skip=False)
    assert "\x1b]" not in out.getvalue()
    assert "\x1b[2J" not in out.getvalue()
    assert "\\x1b[31mb" in out.getvalue()


def test_a_hard_skip_is_called_so() -> None:
    out = io.StringIO()
    PlainLines(Console(file=out)).done("interpolate z04", "Completed", 6.3, "low_post_ncc", hard_skip=True)
    assert out.getvalue() == "interpolate z04: hard skip, completed (low_post_ncc), 6.3 s\n"


def test_the_closing_table_says_what_was_set_by_hand() -> None:
    out = Path("out")
    pairs = [
        PairOutcome(
            fixed_id=i,
            moving_id=i + 1,
            directory=out,
            confidence=1.0,
            reliable=True,
            overall_status="ok",
            source="manual" if i == 3 else "registration",
            reasons=("set by hand (manual/slice_z03_z04.tfm)",) if i == 3 else (),
        )
        for i in range(5)
    ]
    stacked = StackOutcome(volume=out, decisions=out, shape=(1, 1, 1))
    result = RunResult(
        output=out,
        slices=(0, 1),
        gaps=GapRecord(),
        interpolations=(),
        pairs=tuple(pairs),
        stack=stacked,
        report=out,
    )
    said = io.StringIO()
    print_lines(Console(file=said), result_lines(result))
    (line,) = [line for line in said.getvalue().splitlines() if line.startswith("set by hand")]
    assert line.split(None, 3)[3] == "03-04: set by hand (manual/slice_z03_z04.tfm)"
