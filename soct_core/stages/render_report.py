"""Stage `render_report`: one self-contained page about the run, made from what it left on disk."""

from __future__ import annotations

import logging
from pathlib import Path

from schemas.handoffs import ReportJob, ReportOutcome
from schemas.run_record import Fingerprint, RunRecord
from soct_core.file_names import PLAN_PATH, REPORT_NAME, RUN_RECORD_NAME
from soct_core.report.page import render
from soct_core.storage.atomic import publish_text
from soct_core.storage.fingerprint import fingerprint
from soct_core.storage.records import read_record

VERSION = "9"
_LOG = logging.getLogger(__name__)


def reads(job: ReportJob) -> list[str]:
    """Content that the page depends on: all that went in and came out, and how it was asked for."""
    record = job.record
    # Not the plan of the stack: how a volume was cut into parts, and what it continued, is not on the page.
    made = (p for p in record.outputs if p.path != PLAN_PATH)
    prints = [f"{p.path} {p.fingerprint}" for p in (*record.inputs, *made)]
    asked = record.settings.model_dump_json(), str(record.versions), record.gaps.model_dump_json()
    return [record.acquisition, *prints, *asked, *record.warnings]


def run(job: ReportJob) -> ReportOutcome:
    """Render `report.html`.

    Raises
    ------
    OutputError
        If the disk refuses.
    """
    path = job.output / REPORT_NAME
    publish_text(path, render(job.output, job.record))
    return ReportOutcome(path=path, written=(path,))


def render_again(output: Path) -> Path:
    """Render the report of a finished or failed run from its output directory alone, and record its content.

    Raises
    ------
    RecordError
        If there is no readable `run.json`.
    OutputError
        If the disk refuses.
    """
    record = read_record(output / RUN_RECORD_NAME, RunRecord)
    page = output / REPORT_NAME
    publish_text(page, render(output, record))
    now = Fingerprint(path=REPORT_NAME, fingerprint=fingerprint(page))
    outputs = tuple(now if out.path == REPORT_NAME else out for out in record.outputs)
    if outputs != record.outputs:
        text = record.model_copy(update={"outputs": outputs}).model_dump_json(indent=2) + "\n"
        publish_text(output / RUN_RECORD_NAME, text)
    return page


def report_what_there_is(output: Path) -> None:
    """Render the report of a failed run. If that fails too, it is only logged: the run's own error counts."""
    try:
        render_again(output)
    except Exception as error:
        _LOG.warning("%s: no report of the failed run: %s: %s", output, type(error).__name__, error)
        _LOG.debug("%s", output, exc_info=True)
