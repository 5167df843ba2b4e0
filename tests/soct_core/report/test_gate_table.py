"""The table of gates: the one that decided failed, and those not reached say so."""

from __future__ import annotations

import numpy as np
import pytest
from gap_diagnostics import diagnostics

from schemas.diagnostics import InterpolationDiagnostics
from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.registration.working_plane import registration_plane
from soct_core.report.gate_table import gates_of
from soct_core.zmorph.gates import judge

SHARP = registration_plane(
    1000 * np.hypot(*np.mgrid[-100:100, -100:100]).__lt__(60)
    + np.random.default_rng(0).normal(50, 5, (200, 200))
)
"""A bright disk on noisy ground."""
CENTRE = (99.5, 99.5)
STRICT = {"min_neighbour_odds": 50.0}
"""More than any pair has, so that nothing is left in place instead."""


def judged(motion: Affine2D, **settings: float) -> InterpolationDiagnostics:
    """Diagnostics of a gap whose two slabs are one and the same plane."""
    chosen = InterpolationSettings.model_validate(settings)
    verdict = judge(motion, SHARP, SHARP, chosen)
    failed = verdict.reason is not None
    return diagnostics(
        interpolation_failed=failed,
        fallback_reason=verdict.reason,
        detail=verdict.detail,
        gates=verdict.checks,
        settings=chosen,
    )


@pytest.mark.parametrize(
    ("motion", "settings", "failed"),
    [
        (Affine2D.rigid(0, (60.0, 0.0), CENTRE), STRICT, ["max_shift_fraction"]),
        (Affine2D.rigid(12, (60.0, 0.0), CENTRE), STRICT, ["max_rotation_deg", "max_shift_fraction"]),
        (Affine2D.of([[1.3, 0], [0, 1]], (0, 0), CENTRE), STRICT, ["max_scale"]),
        (Affine2D.of([[1, 0.2], [0, 1]], (0, 0), CENTRE), STRICT, ["max_shear"]),
        (Affine2D.of([[-1, 0], [0, 1]], (0, 0), CENTRE), STRICT, ["Determinant of the affine"]),
        (Affine2D.of([[np.nan, 0], [0, 1]], (0, 0), CENTRE), STRICT, ["Registration"]),
        (Affine2D.identity(CENTRE), {"min_post_correlation": 1.0, "min_tissue_overlap": 1.0}, []),
    ],
)
def test_the_gate_that_decided_is_a_row_that_failed(
    motion: Affine2D, settings: dict[str, float], failed: list[str]
) -> None:
    rows = gates_of(judged(motion, **settings))
    assert [row.setting or row.name for row in rows if row.verdict == "failed"] == failed
    reached = [row.verdict != "not reached" for row in rows]
    assert any(reached)


def test_a_gap_that_was_refused_shows_a_row_that_failed_whatever_is_known_of_it() -> None:
    old = diagnostics(interpolation_failed=True, fallback_reason="low_post_ncc", detail="NCC 0.2")
    assert [(row.name, row.wanted) for row in gates_of(old) if row.verdict == "failed"] == [
        ("low_post_ncc", "NCC 0.2")
    ]


def test_aligned_pairs_are_asked_for_no_gain() -> None:
    rows = {row.name: row for row in gates_of(judged(Affine2D.identity(CENTRE)))}
    assert rows["NCC gain, aligned already"].verdict == "passed"
    assert "NCC gain by registration" not in rows


def test_gates_that_were_not_reached_say_so() -> None:
    rows = gates_of(diagnostics(gates=[{"gate": "tissue", "value": 0.01, "limit": 0.1, "passed": False}]))
    assert [row.verdict for row in rows] == ["failed"] + ["not reached"] * (len(rows) - 1)
    assert gates_of(diagnostics(method="average")) == ()


def test_bars_show_values_beside_limits() -> None:
    checks = [
        {"gate": "overlap_ncc", "value": 0.8, "limit": 0.3, "passed": True},
        {"gate": "scale", "value": 1.05, "limit": 1.1, "passed": True},
        {"gate": "rotation", "value": 30.0, "limit": 10.0, "passed": False},
    ]
    rows = [row for row in gates_of(diagnostics(gates=checks)) if row.share is not None]
    assert [(row.share, row.mark, row.wanted) for row in rows] == [
        (0.8, 0.3, "≥ 0.3"),
        (1.0, 0.5, "≤ 10"),
        (pytest.approx(0.25), 0.5, "≤ 1.1"),
    ]
