"""Only a terminal that can be redrawn gets the live table."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from flows.terminal.plain_lines import PlainLines, redraws


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
