"""Axes of the report's figures: linear scales and round ticks, in SVG units."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Maps `low..high` of the data to `start..end` of the figure."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self.start + share * (self.end - self.start), 2)


def spread(values: Iterable[float], *, least: float, zero: bool = False) -> tuple[float, float]:
    """Range of the values with a margin, at least `least` wide; with zero in it if asked for."""
    known = [v for v in values if math.isfinite(v)] + ([0.0] if zero else [])
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if high - low < least:
        middle = (low + high) / 2
        low, high = (0.0, least) if zero and low >= 0 else (middle - least / 2, middle + least / 2)
    margin = 0.08 * (high - low)
    return (low if zero and low == 0 else low - margin), high + margin


def ticks(low: float, high: float, most: int = 4) -> list[tuple[float, str]]:
    """Round numbers within a range, at most about `most`, and how they are written."""
    rough = (high - low) / max(1, most)
    if not (rough > 0 and math.isfinite(rough)):
        return [(low, f"{low:g}")]
    power = 10.0 ** math.floor(math.log10(rough))
    for multiple in (10, 5, 2, 1, 0.5):
        step = multiple * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 >= min(most, 3):
            break
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    return [(i * step, _written(i * step, digits)) for i in range(first, last + 1)]


def _written(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def whole_ticks(low: int, high: int, most: int = 15) -> list[int]:
    """Whole numbers within a range, evenly spaced."""
    count = high - low + 1
    step = next(
        (m * 10**p for p in range(7) for m in (1, 2, 5) if count / (m * 10**p) <= most), max(1, count)
    )
    return [i for i in range(low, high + 1) if i % step == 0]
