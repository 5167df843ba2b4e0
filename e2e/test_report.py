"""A report in Chromium: on a desktop and a phone, in light and dark, with and without motion."""

from __future__ import annotations

from pathlib import Path

from report_in_browser import check
from reported_run import run_stages

from schemas.simulation import SimulationSettings
from soct_core.report.group import render_group
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import simulate
from soct_core.stages.render_report import render_again

SIZE = (40.0, 50.0, 50.0)


def test_reports_have_no_fault_that_a_browser_can_see(tmp_path: Path) -> None:
    acquisition = tmp_path / "mouse"
    phantom = PhantomVolume(Phantom.seeded(7), (7 * 5, 128, 144), SIZE)
    simulate(phantom, SIZE, SimulationSettings(missing=(2, 4, 5), drift_px=2.0, seed=3), acquisition, "")
    run_stages(acquisition)
    report = render_again(acquisition / "reconstruction")
    group = tmp_path / "group.html"
    group.write_text(render_group([acquisition], group))
    assert check(report, None) + check(group, None) == []
