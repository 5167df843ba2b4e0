"""The terminal: progress while a reconstruction runs, and the table at its end."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from schemas.outcomes import PairOutcome, RunResult
from schemas.slice_id import format_slice_id
from soct_core.finalisation import FINAL_NAME


class TerminalProgress:
    """A bar per stage on a terminal, a line per task elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description:>26}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[last]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._current: TaskID | None = None
        self._bars.start()

    def close(self) -> None:
        self._bars.stop()

    def stage(self, name: str, total: int) -> None:
        if self._current is not None:
            self._bars.stop_task(self._current)
        self._current = self._bars.add_task(name.replace("_", " "), total=total, last="")

    def done(self, name: str, state: str, seconds: float, reason: str) -> None:
        note = f"{name}: {state.lower()}" + (f" ({reason})" if reason else "")
        if self._console.is_terminal and self._current is not None:
            self._bars.update(self._current, advance=1, last=note[:60])
        else:
            self._console.print(f"{note}, {seconds:.1f} s", soft_wrap=True, markup=False, highlight=False)

    def warning(self, text: str) -> None:
        self._console.print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True, highlight=False)


def print_result(console: Console, result: RunResult) -> None:
    """The closing table: what was measured, filled, refused, doubted, and where it all lies."""
    skipped = [o for o in result.interpolations if o.result == "hard_skip"]
    filled = [o for o in result.interpolations if o.result == "interpolated"]
    covered = [o for o in result.interpolations if o.result == "already_covered"]
    interpolated = {o.slice_id for o in filled}
    unreliable = [p for p in result.pairs if not p.reliable and not {p.fixed_id, p.moving_id} & interpolated]
    multi = [f"{format_slice_id(g[0])} to {format_slice_id(g[-1])}" for g in result.gaps.multi]
    rows = [
        ("slices", str(len(result.slices))),
        ("single gaps", _ids(result.gaps.single)),
        ("longer gaps", ", ".join(multi) or "none"),
        ("interpolated", _ids(o.slice_id for o in filled)),
        *([("already covered", _ids(o.slice_id for o in covered))] if covered else []),
        *_listed("hard-skipped", (f"{format_slice_id(o.slice_id)}: {o.reason}: {o.detail}" for o in skipped)),
        *_listed("unreliable pairs", (_why(pair) for pair in unreliable)),
        ("volume", str(result.stack.volume)),
        ("", " x ".join(map(str, result.stack.shape)) + " voxels (z, y, x)"),
        ("audit trail", str(result.output / FINAL_NAME)),
        *_listed("previews", (str(o.preview) for o in result.interpolations if o.preview), none=()),
        ("report", str(result.report)),
    ]
    for label, text in rows:
        console.print(f"{label:<18}{text}", markup=False, soft_wrap=True, highlight=False)


def _listed(label: str, lines: Iterable[str], none: tuple[str, ...] = ("none",)) -> list[tuple[str, str]]:
    return [(label if i == 0 else "", line) for i, line in enumerate(tuple(lines) or none)]


def _why(pair: PairOutcome) -> str:
    ids = f"{format_slice_id(pair.fixed_id)}-{format_slice_id(pair.moving_id)}"
    return f"{ids}: {'; '.join(pair.reasons)}"


def _ids(ids: Iterable[int]) -> str:
    return ", ".join(map(format_slice_id, ids)) or "none"
