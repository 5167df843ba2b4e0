"""A pair is registered whether or not its pictures can be drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.run_record import RunRecord
from soct_core.stages import register_pair


def test_a_reportlet_that_fails_costs_no_result(
    finished: tuple[Path, RunRecord], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from soct_core.run.plan import Planner

    output, record = finished
    planner = Planner.of(output.parent, tmp_path / "out", record.settings, None, False)
    (_, job) = planner.pair_jobs([])[0]
    whole = register_pair.run(job)

    def broken(compared: object) -> None:
        raise RuntimeError("no pictures today")

    monkeypatch.setattr(register_pair, "pair_reportlet", broken)
    without = register_pair.run(job)
    assert without.confidence == whole.confidence
    assert {p.name for p in whole.written} - {p.name for p in without.written} == {"reportlet.json"}
    assert not (without.directory / "reportlet.json").exists(), "an old one would lie"
