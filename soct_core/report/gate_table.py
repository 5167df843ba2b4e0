"""The gates of one interpolation as a table: what was measured beside what it was held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.diagnostics import GateCheck, GateName, InterpolationDiagnostics
from soct_core.zmorph.gate_list import GATES, Gate

Verdict = Literal["passed", "failed", "not reached"]
_SIGNS = {"at least": "≥", "at most": "≤", "more than": ">"}
_INSTEAD: tuple[GateName, ...] = ("aligned_gain", "aligned_ncc", "optimiser")
"""Asked only in place of others: not missed where they were not asked."""


@dataclass(frozen=True)
class GateRow:
    """One gate."""

    name: str
    setting: str
    """Names of the settings behind the limit; empty where it is fixed."""
    value: float | None
    wanted: str
    verdict: Verdict
    share: float | None = None
    """Where the value lies on a bar from 0 to 1; None where there is no bar."""
    mark: float | None = None
    """Where the limit lies on that bar."""


def gates_of(d: InterpolationDiagnostics) -> tuple[GateRow, ...]:
    """The gates in the order in which they are asked; empty for a baseline, which asks none.

    Where the interpolation failed, one row at least says so.
    """
    if d.method != "zmorph":
        return ()
    checks = {check.gate: check for check in d.gates}
    aligned = "aligned_gain" in checks
    rows = [
        _row(gate, checks[name]) if name in checks else _not_reached(gate)
        for name, gate in GATES.items()
        if name in checks or (name not in _INSTEAD and not (aligned and name == "gain"))
    ]
    if d.interpolation_failed and not any(row.verdict == "failed" for row in rows):
        rows.append(GateRow(str(d.fallback_reason), "", None, d.detail, "failed"))
    return tuple(rows)


def _not_reached(gate: Gate) -> GateRow:
    return GateRow(gate.title, ", ".join(gate.settings), None, "–", "not reached")


def _row(gate: Gate, check: GateCheck) -> GateRow:
    verdict: Verdict = "passed" if check.passed else "failed"
    setting = ", ".join(gate.settings)
    if check.value is None or check.limit is None:
        return GateRow(gate.title, setting, None, "a transform", verdict)
    wanted = f"{_SIGNS[gate.sense]} {check.limit:.3g}"
    share, mark = check.value, check.limit
    if gate.sense == "at most":
        # A bar from "not at all" to twice the limit.
        share, mark = (check.value - gate.neutral) / (2 * (check.limit - gate.neutral) or 1.0), 0.5
    return GateRow(gate.title, setting, check.value, wanted, verdict, _clip(share), _clip(mark))


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))
