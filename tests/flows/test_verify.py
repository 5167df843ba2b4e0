"""`python -m flows.verify`: exit codes and what is printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded_output import recorded_output

from flows.verify import main as verify
from soct_core.file_names import output_of


def test_whole_altered_and_unreadable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = recorded_output(tmp_path / "mouse")
    assert verify([str(out)]) == 0
    assert capsys.readouterr().out == "whole: 9 outputs, 4 inputs, 6 slots checked\n"
    assert verify([str(out), "--outputs-only", "--set", "stack.z_refine=true"]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "run.json: setting stack.z_refine was False, not True"
    assert printed[1].startswith("not whole: 1 problem;")
    (out / "report.html").write_text("<b>better</b>")
    assert verify([str(out), "--inputs", str(tmp_path / "mouse")]) == 1
    assert capsys.readouterr().out.startswith("report.html: was altered\n")
    (out / "run.json").write_text("{")
    for words in ([str(out)], [str(tmp_path / "no")], [str(out), "--inputs", "no"], [str(out), "--set", "x"]):
        assert verify(words) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert len(error.splitlines()) == 1


def test_an_acquisition_stands_for_its_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = recorded_output(tmp_path / "mouse")
    assert output_of(out) == out
    out.rename(tmp_path / "mouse" / "reconstruction")
    assert output_of(tmp_path / "mouse") == tmp_path / "mouse" / "reconstruction"
    verify([str(tmp_path / "mouse"), "--outputs-only"])
    assert "9 outputs" in capsys.readouterr().out
