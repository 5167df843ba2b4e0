"""The report is rendered from disk alone, and costs a failed run no more than a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.run_record import RunRecord
from soct_core.report.page import render
from soct_core.stages.render_report import render_again, report_what_there_is


def test_the_report_is_rendered_from_disk_alone(finished: tuple[Path, RunRecord]) -> None:
    output, record = finished
    assert render_again(output).read_text() == render(output, record)


def test_a_report_that_fails_behind_a_failed_run_is_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    report_what_there_is(tmp_path)
    assert caplog.text.count("\n") == 1
    assert "no report of the failed run: RecordError: " in caplog.text
