"""Pictures give way before the page grows too large."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.run_record import RunRecord
from soct_core.report import flickers
from soct_core.report.run_data import read_run


def test_pictures_give_way_before_the_page_grows_too_large(
    finished: tuple[Path, RunRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flickers, "MOST_PICTURE_CHARACTERS", 60_000)
    groups = flickers.pair_groups(read_run(*finished))
    pairs = [pair for group in groups for pair in group.pairs]
    assert 0 < sum(pair.flicker.size for pair in pairs if pair.flicker) <= 60_000
    assert any(pair.left_out for pair in pairs)
    assert not groups[0].pairs[0].left_out, "suspects come first"
