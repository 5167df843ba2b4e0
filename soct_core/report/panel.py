"""A panel: one trace of the report's figure, in SVG units, ready to be drawn."""

from __future__ import annotations

from dataclasses import dataclass

HEIGHT = 78.0


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
    """Its label stands below the line."""


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
