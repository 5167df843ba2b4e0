"""The terminal: plain lines while a reconstruction runs, and the table at its end."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from rich.console import Console

from flows.terminal.commands import called
from flows.terminal.notices import after_hard_skip, pair_line
from schemas.handoffs import InterpolationOutcome, PairOutcome, RunResult
from schemas.printable import printable
from schemas.slice_id import format_slice_id
from soct_core.errors import one_line
from soct_core.file_names import FINAL_NAME


class PlainLines:
    """A line per task run, for files, pipes and terminals that cannot redraw."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def close(self) -> None:
        return

    def stage(self, name: str, total: int) -> None:
        return

    def done(self, name: str, state: str, seconds: float, reason: str, *, hard_skip: bool) -> None:
        self._print(task_line(name, state, seconds, reason, hard_skip=hard_skip))

    def warning(self, text: str) -> None:
        self._print(f"warning: {text}", "yellow")

    def _print(self, text: str, style: str = "") -> None:
        # Names of files hold what their makers like, and a terminal obeys it.
        self._console.print(one_line(text), style=style, markup=False, soft_wrap=True, highlight=False)


def task_line(name: str, state: str, seconds: float, reason: str, *, hard_skip: bool) -> str:
    """One task run that ended."""
    told = "hard skip, " if hard_skip else ""
    return f"{name}: {told}{state.lower()}" + (f" ({reason})" if reason else "") + f", {seconds:.1f} s"


def redraws(console: Console) -> bool:
    """Whether a live table can and may be shown."""
    able = console.is_terminal and not console.is_dumb_terminal
    return able and not console.quiet and not console.no_color


def print_lines(console: Console, lines: Iterable[str]) -> None:
    """Print a closing table."""
    for line in lines:
        console.print(printable(line), markup=False, soft_wrap=True, highlight=False)


def table_lines(rows: Iterable[tuple[str, str]]) -> list[str]:
    """A closing table, from labels and texts."""
    return [f"{label:<18}{one_line(text)}" for label, text in rows]


def result_lines(result: RunResult) -> list[str]:
    """The closing table: what was measured, filled, refused, unreliable, and where it all lies."""
    skipped = [o for o in result.interpolations if o.result == "hard_skip"]
    filled = [o for o in result.interpolations if o.result == "interpolated"]
    covered = [o for o in result.interpolations if o.result == "already_covered"]
    interpolated = {o.slice_id for o in filled}
    unreliable = [p for p in result.pairs if not p.reliable and not {p.fixed_id, p.moving_id} & interpolated]
    accepted = [o for o in result.interpolations if o.accepted_by_hand]
    by_hand = [p for p in result.pairs if p.source == "manual"]
    multi = [f"{format_slice_id(g[0])} to {format_slice_id(g[-1])}" for g in result.gaps.multi]
    rows = [
        ("slices", str(len(result.slices))),
        ("single gaps", listed_ids(result.gaps.single)),
        ("longer gaps", ", ".join(multi) or "none"),
        ("interpolated", listed_ids(o.slice_id for o in filled)),
        *([("already covered", listed_ids(o.slice_id for o in covered))] if covered else []),
        *listed("hard-skipped", (f"{format_slice_id(o.slice_id)}: {o.reason}: {o.detail}" for o in skipped)),
        *listed("unreliable pairs", (pair_line(pair) for pair in unreliable)),
        *listed("accepted by hand", map(_accepted, accepted), none=()),
        *listed("set by hand", (pair_line(pair) for pair in by_hand), none=()),
        *listed("doubts", (doubt.sentence for doubt in result.doubts)),
        ("volume", str(result.stack.volume)),
        ("", " x ".join(map(str, result.stack.shape)) + " voxels (z, y, x)"),
        ("audit trail", str(result.output / FINAL_NAME)),
        *listed("previews", (str(o.preview) for o in result.interpolations if o.preview), none=()),
        ("report", str(result.report)),
        *listed("next", next_steps(result, skipped, unreliable)),
    ]
    return table_lines(rows)


def next_steps(
    result: RunResult, skipped: list[InterpolationOutcome], unreliable: list[PairOutcome]
) -> list[str]:
    """What a user would do now: look at what was refused or unreliable, check, view."""
    steps = [doubt.what_to_do for doubt in result.doubts if doubt.remedy]
    steps += [after_hard_skip(one) for one in skipped]
    if unreliable:
        steps.append(
            f"{len(unreliable)} unreliable pairs: the report shows them, with their reasons, and how to set "
            "them by hand"
        )
    return [
        *steps,
        f"open {result.report} in a browser",
        f"look at the volume: {called('view')} {shlex.quote(str(result.output))}",
    ]


def _accepted(made: InterpolationOutcome) -> str:
    return f"{format_slice_id(made.slice_id)}: {made.detail.removeprefix('accepted by hand ')}"


def listed(label: str, lines: Iterable[str], none: tuple[str, ...] = ("none",)) -> list[tuple[str, str]]:
    """Rows of a closing table under one label."""
    return [(label if i == 0 else "", line) for i, line in enumerate(tuple(lines) or none)]


def listed_ids(ids: Iterable[int]) -> str:
    """Slice ids in a row."""
    return ", ".join(map(format_slice_id, ids)) or "none"
