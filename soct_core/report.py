"""The report: one self-contained HTML page, made from what the stages left behind."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from schemas.csv_table import TableFaults
from schemas.jobs import ReportJob
from schemas.slice_id import format_slice_id
from schemas.stacking_decisions_table import STACKING_DECISIONS
from soct_core.errors import RecordError
from soct_core.versions import software_versions


def render(job: ReportJob) -> str:
    """The page, as HTML text; every value from a file is escaped.

    Raises
    ------
    RecordError
        If `stacking_decisions.csv` breaks its schema.
    """
    return _template().render(
        job=job,
        slots=_slots(job),
        previews=[
            (format_slice_id(o.slice_id), o, _data_uri(o.preview)) for o in job.interpolations if o.preview
        ],
        unreliable=[p for p in job.pairs if not p.reliable],
        decisions=_decisions(job.stack.decisions),
        settings=job.settings.model_dump_json(indent=2),
        versions=software_versions(),
        id=format_slice_id,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("soct_core"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("report.html.j2")


def _slots(job: ReportJob) -> list[tuple[str, str, str]]:
    """Id, kind and caption of every slot from the first slice to the last."""
    outcome = {o.slice_id: o for o in job.interpolations}
    slots = []
    for slice_id in range(min(job.measured), max(job.measured) + 1):
        kind, caption = "gap", "gap"
        if slice_id in job.measured:
            kind = caption = "measured"
        elif slice_id in outcome:
            kind = outcome[slice_id].result
            caption = f"{kind.replace('_', ' ')} {outcome[slice_id].reason or ''}".strip()
        slots.append((format_slice_id(slice_id), kind, caption))
    return slots


def _decisions(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        table = STACKING_DECISIONS.read(path)
    except TableFaults as error:
        raise RecordError(error.summary) from error
    return list(table.columns), [
        [
            "" if cell is None or cell != cell else f"{cell:.3g}" if isinstance(cell, float) else str(cell)
            for cell in row
        ]
        for row in table.astype(object).where(table.notna(), None).itertuples(index=False)
    ]


def _data_uri(png: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(png.read_bytes()).decode()}"
