"""A panel: one trace of the report's figure, in SVG units, ready to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from soct_core.report.axes import Scale, spread, ticks

HEIGHT = 78.0
"""In SVG units, chosen by eye."""
_MOST_OF_LIMIT = 1.3
"""Values beyond so many times the error threshold are drawn at the frame. Chosen by eye."""

Point = tuple[float, float, str]
"""x and y in units of the data, and a title."""


@dataclass(frozen=True)
class Mark:
    """A point of a trace."""

    x: float
    y: float
    shape: str
    """CSS class: a status, or what is shown."""
    title: str


@dataclass(frozen=True)
class Level:
    """A horizontal line: a threshold."""

    y: float
    label: str
    kind: str
    below: bool
    """Whether its label stands below the line."""


@dataclass(frozen=True)
class Panel:
    """One trace, ready to be drawn."""

    title: str
    failure: str
    """What failure looks like."""
    ticks: tuple[tuple[float, str], ...]
    marks: tuple[Mark, ...]
    levels: tuple[Level, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()
    """Points of a polyline, and its CSS class."""
    key: tuple[tuple[str, str], ...] = ()
    """CSS class and meaning of what is drawn, where it is more than one thing."""
    summary: str = ""
    height: float = HEIGHT


@dataclass(frozen=True)
class Series:
    """Points that are drawn alike."""

    points: Sequence[Point]
    shape: str
    """CSS class."""
    meaning: str = ""
    joined: bool = False


@dataclass(frozen=True)
class PanelStyle:
    """How a panel is titled and bounded, and what a reader should watch for."""

    title: str
    failure: str
    """What failure looks like."""
    unit: str = ""
    limits: Sequence[tuple[float, str]] = ()
    """Thresholds, and whether they warn or are errors."""
    zero: bool = False
    """Zero belongs into the frame."""
    fixed_range: tuple[float, float] | None = None
    least_share: float = 1e-3
    """Height of the frame at least, as a share of the greatest value: noise must not look like change."""


def panel_of(style: PanelStyle, series: Sequence[Series], at: Scale) -> Panel | None:
    """Draw a panel; None where there is nothing to draw."""
    values = [y for one in series for _, y, _ in one.points]
    if not values:
        return None
    (low, high), beyond = _frame(style, values)
    up = Scale(low, high, HEIGHT, 0.0)
    marks = [
        Mark(at(x), up(min(high, max(low, y))), one.shape, text)
        for one in series
        for x, y, text in one.points
    ]
    lines = [
        (" ".join(f"{at(x)},{up(y)}" for x, y, _ in one.points), one.shape)
        for one in series
        if one.joined and len(one.points) > 1
    ]
    drawn = [one for one in series if one.points]
    return Panel(
        title=style.title + (f" ({beyond} beyond the frame)" if beyond else ""),
        failure=style.failure,
        ticks=tuple((up(v), text) for v, text in ticks(low, high, 3)),
        marks=tuple(marks),
        levels=tuple(
            Level(up(v), f"{kind} {v:g}" if v > 0 else "", kind, _label_below(v, style.limits))
            for v, kind in style.limits
            if low <= v <= high
        ),
        lines=tuple(lines),
        key=tuple((one.shape, one.meaning) for one in drawn if one.meaning and len(drawn) > 1),
        summary=f"{len(values)} values from {min(values):.3g} to {max(values):.3g}",
    )


def _frame(style: PanelStyle, values: Sequence[float]) -> tuple[tuple[float, float], int]:
    """Range of the panel, and how many values lie far beyond its thresholds."""
    if style.fixed_range is not None:
        return style.fixed_range, 0
    low, high = spread(values, least=style.least_share * max(map(abs, values)) + 1e-6, zero=style.zero)
    if not style.limits:
        return (low, high), 0
    # One wild pair must not press all others flat.
    cap = _MOST_OF_LIMIT * max(v for v, _ in style.limits)
    near = [v for v, _ in style.limits if low - (high - low) < v < high + (high - low)]
    inside = [min(cap, max(-cap, v)) for v in values]
    return spread([*inside, *near], least=1e-6, zero=style.zero), sum(abs(v) > cap for v in values)


def _label_below(value: float, limits: Sequence[tuple[float, str]]) -> bool:
    """Two lines may lie close: the label of the lower one stands below it."""
    return any(value < other and value * other > 0 for other, _ in limits)
