"""The page over many acquisitions: a strip plot per metric, every point a link to its report."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from urllib.parse import quote

from schemas.run_record import RunRecord
from soct_core.errors import RecordError
from soct_core.file_names import REPORT_NAME, RUN_RECORD_NAME, output_of
from soct_core.report.axes import Scale, spread, ticks
from soct_core.report.page import templates
from soct_core.report.run_data import RunData, read_run
from soct_core.report.slots_line import mean_by_slot
from soct_core.storage.records import read_record

# Sizes in SVG units, chosen by eye.
WIDTH, HEIGHT, LEFT, RIGHT = 460.0, 92.0, 12.0, 12.0
_MIDDLE, _JITTER = 36.0, 18.0
_FENCE = 1.5
"""Interquartile ranges beyond the quartiles at which a point counts as an outlier: Tukey's convention."""
GROUP_MARK = '<meta name="generator" content="soct report --group">'
"""How a page over many runs is known again."""
_LEAST_FOR_FENCE = 5
"""With fewer points quartiles mean nothing. Chosen by hand."""


@dataclass(frozen=True)
class Run:
    """One acquisition on the group page."""

    name: str
    href: str
    """Link to its report, relative to the page; empty where it has none."""
    data: RunData


@dataclass(frozen=True)
class Metric:
    """What is compared."""

    title: str
    digits: int
    bad: str
    """Which side is the bad one, in words."""
    of: Callable[[RunData], float | None]


@dataclass(frozen=True)
class Dot:
    """One acquisition in one strip."""

    x: float
    y: float
    name: str
    value: str
    href: str
    outlier: bool


@dataclass(frozen=True)
class Strip:
    """One metric over all acquisitions."""

    title: str
    bad: str
    dots: tuple[Dot, ...]
    ticks: tuple[tuple[float, str], ...]
    middle: float
    summary: str

    @property
    def outliers(self) -> tuple[Dot, ...]:
        return tuple(dot for dot in self.dots if dot.outlier)


def open_run(directory: Path, page: Path) -> Run:
    """A run by its output directory, or by the acquisition that holds it as `reconstruction`.

    Raises
    ------
    RecordError
        If there is no readable `run.json` in either.
    """
    output = output_of(directory)
    record = read_record(output / RUN_RECORD_NAME, RunRecord)
    report = output / REPORT_NAME
    href = quote(Path(os.path.relpath(report, page.parent)).as_posix()) if report.exists() else ""
    return Run(record.acquisition or output.resolve().parent.name, href, read_run(output, record))


def render_group(directories: Sequence[Path], page: Path) -> str:
    """The page, as HTML text; links are relative to where `page` will lie.

    Raises
    ------
    RecordError
        If nothing was given, or a directory holds no run.
    """
    if not directories:
        raise RecordError("no run was given, wanted one output directory at least")
    runs = _named_apart([open_run(directory, page) for directory in directories])
    strips = [strip for metric in METRICS if (strip := _strip(metric, runs)) is not None]
    return (
        templates()
        .get_template("group.html.j2")
        .render(
            runs=runs,
            strips=strips,
            metrics=METRICS,
            rows=[_row(run) for run in runs],
            fence=_LEAST_FOR_FENCE,
            said=_FENCE,
            mark=GROUP_MARK,
        )
    )


def _named_apart(runs: list[Run]) -> list[Run]:
    names = [run.name for run in runs]
    return [
        Run(f"{run.name} ({i + 1})", run.href, run.data) if names.count(run.name) > 1 else run
        for i, run in enumerate(runs)
    ]


def _row(run: Run) -> tuple[Run, list[str]]:
    return run, [_written(metric, metric.of(run.data)) for metric in METRICS]


def _written(metric: Metric, value: float | None) -> str:
    return "–" if value is None else f"{value:.{metric.digits}f}"


def _strip(metric: Metric, runs: Sequence[Run]) -> Strip | None:
    values = [(run, value) for run in runs if (value := metric.of(run.data)) is not None]
    if not values:
        return None
    numbers = [value for _, value in values]
    low, high = spread(numbers, least=10**-metric.digits * 4)
    across = Scale(low, high, LEFT, WIDTH - RIGHT)
    inside = fences(numbers)
    dots = [
        Dot(
            x=across(value),
            y=round(_MIDDLE + _JITTER * _jitter(run.name), 1),
            name=run.name,
            value=_written(metric, value),
            href=run.href,
            outlier=not inside[0] <= value <= inside[1],
        )
        for run, value in values
    ]
    return Strip(
        title=metric.title,
        bad=metric.bad,
        dots=tuple(dots),
        ticks=tuple((across(v), text) for v, text in ticks(low, high, 4)),
        middle=across(median(numbers)),
        summary=f"{len(numbers)} acquisitions, median {_written(metric, median(numbers))}",
    )


def fences(values: Sequence[float]) -> tuple[float, float]:
    """Bounds beyond which a value is an outlier [1]_; infinite where there are too few values to tell.

    References
    ----------
    .. [1] Tukey JW (1977). Exploratory data analysis. Addison-Wesley, Reading.
    """
    if len(values) < _LEAST_FOR_FENCE:
        return float("-inf"), float("inf")
    ordered = sorted(values)
    half = len(ordered) // 2
    lower, upper = median(ordered[:half]), median(ordered[-half:])
    reach = _FENCE * (upper - lower)
    return lower - reach, upper + reach


def _jitter(name: str) -> float:
    """From -1 to 1, the same for one acquisition in every strip."""
    return hashlib.blake2b(name.encode(), digest_size=2).digest()[0] / 127.5 - 1.0


def _share(part: int, whole: int) -> float | None:
    return 100.0 * part / whole if whole else None


def _refused(data: RunData) -> float | None:
    return _share(sum(gap.diagnostics.interpolation_failed for gap in data.gaps), len(data.gaps))


def _unreliable(data: RunData) -> float | None:
    pairs = data.steering_pairs
    return _share(sum(not pair.metrics.reliable for pair in pairs), len(pairs))


def _over_pairs(name: str, how: Callable[[list[float]], float]) -> Callable[[RunData], float | None]:
    def of(data: RunData) -> float | None:
        found = [getattr(pair.metrics, name) for pair in data.steering_pairs]
        known = [abs(value) for value in found if value is not None]
        return how(known) if known else None

    return of


def _ncc_gained(data: RunData) -> float | None:
    gains = [
        m.post_ncc - m.pre_ncc
        for m in (pair.metrics for pair in data.steering_pairs)
        if m.pre_ncc is not None and m.post_ncc is not None
    ]
    return median(gains) if gains else None


def _brightness_steps(data: RunData) -> float | None:
    """Largest relative change of brightness from one measured slice to the next."""
    means = [mean for mean, state in mean_by_slot(data).values() if state == "measured"]
    steps = [abs(b - a) / ((a + b) / 2) for a, b in pairwise(means) if a + b > 0]
    return 100.0 * max(steps) if steps else None


def _empty_slots(data: RunData) -> float | None:
    states = [row["slot_state"] for row in data.decisions]
    return _share(states.count("gap"), len(states))


def _seconds(data: RunData) -> float | None:
    record = data.record
    return (record.finished - record.started).total_seconds() / 60.0


METRICS = (
    Metric("Slots left empty, %", 1, "right", _empty_slots),
    Metric("Single gaps refused, %", 0, "right", _refused),
    Metric("Unreliable pairs, %", 1, "right", _unreliable),
    Metric("Confidence, median over pairs", 2, "left", _over_pairs("registration_confidence", median)),
    Metric("NCC registered, median over pairs", 3, "left", _over_pairs("post_ncc", median)),
    Metric("NCC gained, median over pairs", 3, "left", _ncc_gained),
    Metric("Shift at a cut, median, px", 1, "right", _over_pairs("translation_magnitude", median)),
    Metric("Rotation at a cut, largest, degrees", 2, "right", _over_pairs("rotation_deg", max)),
    Metric("Brightness from slice to slice, largest change, %", 1, "right", _brightness_steps),
    Metric("Duration of the last run, minutes", 1, "right", _seconds),
)
