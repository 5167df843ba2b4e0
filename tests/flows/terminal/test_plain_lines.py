"""Only a terminal that can be redrawn gets the live table."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from flows.terminal.plain_lines import redraws


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
