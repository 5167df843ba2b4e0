"""A row of a stage: time left is told from what is known, and never made up."""

from __future__ import annotations

import pytest

from flows.terminal.stage_rows import StageRow


def test_time_left_is_shared_among_workers_and_never_made_up() -> None:
    row = StageRow("pairs")
    assert row.left(2, 0.0) is None
    row.begin(10, 0.0)
    assert row.left(2, 5.0) is None
    row.end_one("Completed", 8.0, 8.0, hard_skip=False)
    row.end_one("Completed", 12.0, 12.0, hard_skip=False)
    assert row.left(2, 12.0) == 10.0 * 8 / 2
    assert row.left(100, 12.0) == 10.0, "no more workers than tasks"
    assert row.left(2, 22.0) == 30.0
    assert row.left(2, 52.0) is None, "it took longer than thought"


def test_a_stage_that_tells_is_believed() -> None:
    row = StageRow("stack")
    row.begin(1, 0.0)
    row.fraction = 0.01
    assert row.left(2, 10.0) is None
    row.fraction = 0.25
    assert row.left(2, 10.0) == pytest.approx(30.0)
    row.end_one("Completed", 40.0, 40.0, hard_skip=False)
    assert row.left(2, 41.0) is None
