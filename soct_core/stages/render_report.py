"""Stage `render_report`: one self-contained page about the run."""

from __future__ import annotations

from schemas.jobs import ReportJob
from schemas.outcomes import ReportOutcome
from soct_core.atomic import publish_text
from soct_core.fingerprint import fingerprint
from soct_core.report import render

REPORT_NAME = "report.html"
VERSION = "1"


def reads(job: ReportJob) -> list[str]:
    """Content that the outcome depends on, beside the outcomes in the job itself."""
    previews = [o.preview for o in job.interpolations if o.preview is not None]
    return [fingerprint(path) for path in (*previews, job.stack.decisions)]


def run(job: ReportJob) -> ReportOutcome:
    """Render `report.html`.

    Raises
    ------
    OutputError
        If the disk refuses.
    """
    path = job.output / REPORT_NAME
    publish_text(path, render(job))
    return ReportOutcome(path=path, artefacts=(path,))
