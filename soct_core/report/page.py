"""The report of one run: one self-contained HTML page, without a script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from schemas.run_record import RunRecord
from schemas.slice_id import format_slice_id
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from soct_core.report.carpet import carpet_of
from soct_core.report.flags import flags_of
from soct_core.report.flickers import gap_views, pair_groups
from soct_core.report.methods_text import methods_of, program_of
from soct_core.report.reslices import reslices_of
from soct_core.report.run_data import RunData, read_run
from soct_core.report.slots_line import KIND_MEANINGS, KIND_NAMES, Slot, slots_of
from soct_core.report.traces import traces_of


def render(output: Path, record: RunRecord) -> str:
    """The page, as HTML text; every value from a file is escaped.

    Parameters
    ----------
    output
        Directory of the run; only files that `record` lists are read.
    record
        What `run.json` holds, or will hold.
    """
    data = read_run(output, record)
    slots = slots_of(data)
    gaps = gap_views(data)
    spent = sum(one.size for gap in gaps for one in (gap.planes, gap.slabs) if one is not None)
    traces = traces_of(data, slots)
    return (
        templates()
        .get_template("report.html.j2")
        .render(
            program=program_of(record),
            title=record.acquisition or output.parent.name,
            data=data,
            record=record,
            slots=slots,
            kinds=_kinds_of(slots),
            flags=flags_of(data, slots),
            gaps=gaps,
            groups=pair_groups(data, spent),
            traces=traces,
            carpet=None if traces is None else carpet_of(data, traces),
            reslices=reslices_of(data),
            methods=methods_of(data),
            decisions=_decisions(data),
            trail=_trail(data),
            told_rows=_told_rows,
            task_rows=_task_rows,
            print_rows=_print_rows,
        )
    )


@cache
def templates() -> Environment:
    """The templates; everything is escaped, and an unknown name is an error."""
    environment = Environment(
        loader=PackageLoader("soct_core.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "slice": format_slice_id, "seconds": duration}
    return environment


def number(value: Any, digits: int = 2) -> str:
    """A figure with so many digits behind the point; a dash where there is none."""
    if value is None:
        return "–"
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def duration(seconds: float) -> str:
    """Seconds, or minutes and seconds."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def _kinds_of(slots: Sequence[Slot]) -> list[tuple[str, str, str, int]]:
    """Kind, name, meaning and count of all kinds of slots that are there."""
    counts = dict.fromkeys(KIND_NAMES, 0)
    for slot in slots:
        counts[slot.kind] += 1 if slot.until is None else slot.until - slot.slice_id + 1
    return [(kind, KIND_NAMES[kind], KIND_MEANINGS[kind], count) for kind, count in counts.items() if count]


def _decisions(data: RunData) -> tuple[list[str], list[list[str]]]:
    columns = list(STACKING_DECISIONS.columns)
    return columns, [[_cell(name, row.get(name)) for name in columns] for row in data.decisions]


def _trail(data: RunData) -> tuple[list[str], list[list[str]]]:
    rows = list(data.trail.values())
    columns = [name for name in (rows[0] if rows else {}) if any(row.get(name) is not None for row in rows)]
    return columns, [[_cell(name, row.get(name)) for name in columns] for row in rows]


def _told_rows(slots: Iterable[Slot]) -> list[tuple[str, ...]]:
    return [(slot.name, slot.kind_name, slot.reason) for slot in slots]


def _task_rows(record: RunRecord) -> list[tuple[str, ...]]:
    return [
        (task.name, task.state, "from the cache" if task.cached else duration(task.seconds), task.reason)
        for task in record.tasks
    ]


def _print_rows(record: RunRecord) -> list[tuple[str, ...]]:
    return [(each.path, each.fingerprint) for each in (*record.inputs, *record.outputs)]


def _cell(column: str, value: Any) -> str:
    if value is None:
        return ""
    if column == "slice_id":
        return format_slice_id(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
