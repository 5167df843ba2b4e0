"""The gates of one interpolation: each figure beside the threshold that it was held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from schemas.diagnostics import InterpolationDiagnostics
from soct_core.affine import Affine2D
from soct_core.gates import wanted_gain

Verdict = Literal["passed", "failed", "not reached", "not asked"]


@dataclass(frozen=True)
class GateRow:
    """One gate."""

    name: str
    setting: str
    """Name of the setting, or empty where the threshold is fixed."""
    value: float | None
    wanted: str
    verdict: Verdict
    share: float | None = None
    """Where the value lies on a bar from 0 to 1, and the threshold beside it."""
    mark: float | None = None


def gates_of(d: InterpolationDiagnostics) -> tuple[GateRow, ...]:
    """The gates in the order in which they are asked; empty for a baseline, which asks none."""
    if d.method != "zmorph":
        return ()
    s = d.settings
    aligned = d.gate == "already_aligned"
    gain = (
        _at_least("NCC gain, aligned already", "", d.ncc_improvement, 0.0)
        if aligned
        else _at_least(
            "NCC gain by registration",
            "min_ncc_improvement",
            d.ncc_improvement,
            wanted_gain(d.pre_reg_ncc or 0.0, s.min_ncc_improvement),
        )
    )
    return (
        _at_least(
            "NCC of the boundary planes", "min_overlap_correlation", d.overlap_ncc, s.min_overlap_correlation
        ),
        _determinant(d),
        *_motion(d),
        gain,
        _at_least("Tissue in both slabs", "min_tissue_overlap", d.tissue_overlap, s.min_tissue_overlap),
        _at_least(
            "NCC of the slabs, registered", "min_post_correlation", d.post_reg_ncc, s.min_post_correlation
        ),
    )


def _at_least(name: str, setting: str, value: float | None, least: float) -> GateRow:
    if value is None:
        return GateRow(name, setting, None, f"≥ {least:.3g}", "not reached")
    verdict: Verdict = "passed" if value >= least else "failed"
    return GateRow(name, setting, value, f"≥ {least:.3g}", verdict, _clip(value), _clip(least))


def _at_most(name: str, setting: str, value: float, most: float) -> GateRow:
    verdict: Verdict = "passed" if value <= most else "failed"
    return GateRow(name, setting, value, f"≤ {most:g}", verdict, _clip(value / (2 * most or 1)), 0.5)


def _determinant(d: InterpolationDiagnostics) -> GateRow:
    value = d.affine_determinant
    if value is None:
        return GateRow("Determinant of the affine", "", None, "> 0", "not reached")
    return GateRow("Determinant of the affine", "", value, "> 0", "passed" if value > 0 else "failed")


def _motion(d: InterpolationDiagnostics) -> tuple[GateRow, ...]:
    s = d.settings
    limits = (
        ("Rotation, degrees", "max_rotation_deg", f"≤ {s.max_rotation_deg:g}"),
        ("Stretch", "max_scale", f"≤ {s.max_scale:g}"),
        ("Shear", "max_shear", f"≤ {s.max_shear:g}"),
    )
    if d.affine_matrix is None:
        return tuple(GateRow(name, setting, None, wanted, "not reached") for name, setting, wanted in limits)
    parts = Affine2D.of(d.affine_matrix, (0.0, 0.0), (0.0, 0.0)).parts()
    scales = [abs(scale) for scale in (parts.scale_x, parts.scale_y)]
    stretch = max((max(scale, 1 / scale) for scale in scales if scale > 0), default=0.0)
    shear = abs(parts.shear)
    return (
        _at_most(*limits[0][:2], abs(parts.rotation_deg), s.max_rotation_deg),
        # A bar from "not at all" to twice the limit: a stretch of 1 is none.
        _stretch(limits[1][0], limits[1][1], stretch, s.max_scale),
        _at_most(*limits[2][:2], min(shear, 1e3), s.max_shear),
    )


def _stretch(name: str, setting: str, value: float, most: float) -> GateRow:
    verdict: Verdict = "passed" if value <= most else "failed"
    share = _clip((value - 1) / (2 * (most - 1) or 1))
    return GateRow(name, setting, value, f"≤ {most:g}", verdict, share, 0.5)


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))
