"""A picture that fails costs a line; one that cannot be written fails, so that it is made again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.settings import PairwiseSettings
from soct_core.errors import OutputError, RecordError
from soct_core.progress import noting_losses
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


def _busy() -> PairwiseSettings:
    raise OSError("too many open files")


def _unreadable() -> PairwiseSettings:
    try:
        return _busy()
    except OSError as error:
        raise RecordError("pair.json cannot be read") from error


def _no_memory() -> PairwiseSettings:
    raise MemoryError


def _wrong() -> PairwiseSettings:
    raise ValueError("no tissue to draw")


@pytest.mark.parametrize(
    ("make", "may_pass"), [(_busy, True), (_unreadable, True), (_no_memory, True), (_wrong, False)]
)
def test_a_picture_lost_to_an_error_that_may_pass_is_noted_so_that_it_is_made_again(
    tmp_path: Path, make: Callable[[], PairwiseSettings], may_pass: bool
) -> None:
    path = tmp_path / "reportlet.json"
    with noting_losses() as lost:
        assert write_reportlet(path, make) == ()
    assert lost == ([str(path)] if may_pass else [])
