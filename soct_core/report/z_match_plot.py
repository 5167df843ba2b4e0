"""The z match of a pair as a small figure: NCC of every plane that was tried."""

from __future__ import annotations

from dataclasses import dataclass

from soct_core.report.axes import Scale, spread, ticks
from soct_core.report.run_data import RegisteredPair

# Sizes in SVG units, chosen by eye.
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 240.0, 96.0, 34.0, 26.0, 8.0


@dataclass(frozen=True)
class ZMatchPlot:
    """In SVG units."""

    points: str
    chosen: tuple[float, float]
    expected: float | None
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    says: str


def z_match_plot(pair: RegisteredPair) -> ZMatchPlot | None:
    """The figure; None where a single plane was all there was to compare."""
    curve = pair.reportlet.z_curve if pair.reportlet is not None else ()
    m = pair.metrics
    if len(curve) < 2 or m.z_index is None or m.z_correlation is None:
        return None
    planes = [z for z, _ in curve]
    across = Scale(min(planes), max(planes), LEFT, WIDTH - 8)
    low, high = spread([ncc for _, ncc in curve], least=0.02)
    up = Scale(low, high, HEIGHT - BOTTOM, TOP)
    expected = m.expected_z_index
    inside = expected is not None and min(planes) <= expected <= max(planes)
    middle = sorted({min(planes), m.z_index, max(planes)})
    return ZMatchPlot(
        points=" ".join(f"{across(z)},{up(ncc)}" for z, ncc in curve),
        chosen=(across(m.z_index), up(dict(curve).get(m.z_index, m.z_correlation))),
        expected=across(expected) if inside and expected is not None else None,
        x_ticks=tuple((across(z), str(z)) for z in middle),
        y_ticks=tuple((up(v), text) for v, text in ticks(low, high, 2)),
        says=f"NCC of {len(curve)} planes with the moving plane, best {m.z_correlation:.2f} "
        f"at plane {m.z_index}" + (f", expected {expected:g}" if expected is not None else ""),
    )
