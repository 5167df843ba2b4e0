"""A picture that fails costs a line; one that cannot be written fails, so that it is made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.settings import PairwiseSettings
from soct_core.errors import OutputError
from soct_core.reportlets.write import write_reportlet


def test_a_picture_that_fails_costs_a_line_and_leaves_no_old_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "reportlet.json"
    assert write_reportlet(path, PairwiseSettings) == (path,)
    assert path.exists()

    def broken() -> PairwiseSettings:
        raise RuntimeError("no")

    assert write_reportlet(path, broken) == ()
    assert list(tmp_path.iterdir()) == []
    assert caplog.text.count("\n") == 1
    assert "no picture for the report: RuntimeError: no" in caplog.text


def test_a_picture_that_cannot_be_written_fails_so_that_it_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "reportlet.json" / "in the way").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"reportlet\.json"):
        write_reportlet(tmp_path / "reportlet.json", PairwiseSettings)
