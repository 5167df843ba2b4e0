"""`python -m flows.report`: a run's report rendered again, and what is no run refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from html_page import flaws

from flows.report import main as report
from flows.view import in_napari
from flows.view.__main__ import main as view
from schemas.handoffs import RunResult


def test_the_report_of_a_run_is_whole_and_can_be_rendered_again(
    acquisition: Path,
    reconstruct: Callable[..., RunResult],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = reconstruct(acquisition=acquisition)
    page = result.report.read_text()
    assert flaws(page) == []
    assert page.count("<fieldset") == len(result.pairs) + 2, "every pair, and two of the gap"
    result.report.unlink()
    group = tmp_path / "group.html"
    assert report([str(result.output), "--group", str(acquisition), "--to", str(group)]) == 0
    assert report(["--group", str(acquisition), "--to", str(group)]) == 0
    thesis = tmp_path / "thesis.html"
    thesis.write_text("years of work")
    assert report(["--group", str(acquisition), "--to", str(thesis)]) == 2
    assert thesis.read_text() == "years of work"
    assert capsys.readouterr().out.splitlines() == [str(result.report), str(group), str(group)]
    assert flaws(result.report.read_text()) == []
    assert "mouse/reconstruction/report.html" in group.read_text()

    shown: list[str] = []

    class Viewer:
        """Takes what napari would."""

        dims = type("Dims", (), {"set_point": lambda *_: shown.append("at tissue")})()
        scale_bar = type("ScaleBar", (), {})()
        layers = MagicMock()

        def add_image(self, data: Any, **how: Any) -> None:
            shown.append(how["name"])

        add_labels = add_image

        def reset_view(self) -> None:
            shown.append("reset")

    in_napari.show(result.output, slices=False, open_window=lambda: (Viewer(), lambda: shown.append("run")))
    assert shown == ["volume", "provenance", "uncertainty", "reset", "at tissue", "run"]


@pytest.mark.parametrize("command", [report, view])
def test_what_is_no_run_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: Callable[[list[str]], int]
) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        assert command([str(path)]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert error.count("\n") == 1
