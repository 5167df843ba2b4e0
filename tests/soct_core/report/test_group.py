"""The page of a group leads to its reports, and names outliers only among enough runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from html_page import flaws, parsed

from schemas.run_record import RunRecord
from soct_core.errors import RecordError
from soct_core.report.group import fences, render_group
from soct_core.stages.render_report import render_again


def test_the_group_page_leads_to_the_reports(finished: tuple[Path, RunRecord], tmp_path: Path) -> None:
    output, _ = finished
    render_again(output)
    page = tmp_path / "pages" / "group.html"
    html = render_group([output, output.parent], page)
    hrefs = {e.attributes["href"] for e in parsed(html).all("a") if not e.attributes["href"].startswith("#")}
    assert len(hrefs) == 1
    assert (page.parent / hrefs.pop()).resolve() == (output / "report.html").resolve()
    rest = [flaw for flaw in flaws(html) if "leads to" not in flaw]
    assert rest == []


def test_the_group_page_refuses_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"run\.json"):
        render_group([tmp_path], tmp_path / "g.html")


def test_outliers_are_told_only_among_enough() -> None:
    assert fences([1, 1, 1, 90]) == (float("-inf"), float("inf"))
    low, high = fences([1, 2, 3, 4, 5, 90])
    assert low < 1
    assert 5 < high < 90
