"""`python -m flows.simulate`: bad input is refused and nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.simulate import main as simulate


@pytest.mark.parametrize(
    "words", [["--missing", "99"], ["--slices", "1"], ["--drift-deg", "400"], ["--reference", "nothing.npz"]]
)
def test_simulate_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert simulate([str(tmp_path / "out"), *words]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "out").exists()
