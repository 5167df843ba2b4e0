"""The page of an assessment: scores, what lowered them, and the pictures behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

from schemas.assessment import QualityPageJob
from schemas.contract import Contract
from schemas.quality import Aspect, AspectFinding, SliceQuality
from schemas.reportlets import PairReportlet, SliceReportlet
from schemas.slice_id import format_slice_id
from soct_core.errors import RecordError
from soct_core.file_names import AssessmentFiles, ComparisonFiles
from soct_core.report.axes import Scale, whole_ticks
from soct_core.report.flickers import MOST_PICTURE_CHARACTERS, Flicker, FlickerLayer, svg_points
from soct_core.report.page import templates
from soct_core.storage.records import read_record

ASPECTS: dict[Aspect, str] = {
    "likeness": "like its neighbours",
    "missing": "nothing missing",
    "area": "area of tissue",
    "intensity": "intensity",
    "sharpness": "sharp",
    "noise": "not noisier",
    "stripes": "no stripes",
    "saturation": "not saturated",
}
"""What each aspect says of a slice that keeps its score, in the order of the figure."""
_FULL = 0.75
"""Score from which a slice needs no look: its pictures are the first to be left out. Chosen by hand."""
# In SVG units, chosen by eye.
_LEFT, _WIDTH, _ROW = 132.0, 960.0, 15.0
Found = TypeVar("Found", bound=Contract)


@dataclass(frozen=True)
class Column:
    """One slice in the figure of all."""

    slice_id: int
    x: float
    width: float
    height: float
    """Of the bar of its score."""
    state: str
    cells: tuple[tuple[float, float, str], ...]
    """y, opacity and title of what each aspect costs."""
    title: str


@dataclass(frozen=True)
class SliceView:
    """A slice as the page shows it."""

    quality: SliceQuality
    state: str
    planes: tuple[tuple[int, str, int, int], ...]
    """Index, base64, width and height of its planes."""
    flickers: tuple[Flicker, ...]
    findings: tuple[AspectFinding, ...]
    left_out: bool = False

    @property
    def name(self) -> str:
        return format_slice_id(self.quality.slice_id)


def render_quality(job: QualityPageJob, qualities: Mapping[int, SliceQuality]) -> str:
    """The page, as HTML text; pictures are read from the output of the assessment."""
    ordered = sorted(qualities.values(), key=lambda q: (_rank(q), q.slice_id))
    left, views = MOST_PICTURE_CHARACTERS, []
    for quality in ordered:
        view = _view(job, quality)
        size = sum(flicker.size for flicker in view.flickers) + sum(
            len(data) for _, data, _, _ in view.planes
        )
        if size > left:
            view = SliceView(quality, view.state, (), (), view.findings, left_out=True)
        else:
            left -= size
        views.append(view)
    columns = _columns(tuple(qualities[i] for i in sorted(qualities)))
    settings = next(iter(qualities.values())).settings
    return (
        templates()
        .get_template("quality.html.j2")
        .render(
            title=job.acquisition.name,
            views=views,
            columns=columns,
            ticks=_ticks(columns),
            rows=[(round(_ROW * i + 11, 1), text) for i, text in enumerate(ASPECTS.values())],
            limit=settings.exclude_below,
            settings=settings,
            versions=next(iter(qualities.values())).versions,
            exclude=job.exclude,
            aspects=ASPECTS,
            counts={state: sum(view.state == state for view in views) for state in _STATES},
            full=_FULL,
        )
    )


_STATES = {"error": "below the limit", "warning": "doubtful", "ok": "good", "note": "not judged"}


def state_of(quality: SliceQuality) -> str:
    """How a slice is marked: error below the limit, warning below a full score, note where it has none."""
    if quality.quality_score is None:
        return "note"
    if quality.below_limit:
        return "error"
    return "ok" if quality.quality_score >= _FULL else "warning"


def _rank(quality: SliceQuality) -> float:
    return 2.0 if quality.quality_score is None else quality.quality_score


def _columns(qualities: tuple[SliceQuality, ...]) -> tuple[Column, ...]:
    first, last = qualities[0].slice_id, qualities[-1].slice_id
    across = Scale(first, last + 1, _LEFT, _WIDTH - 8)
    columns = []
    for quality in qualities:
        x = across(quality.slice_id)
        factors = {finding.aspect: finding.factor for finding in quality.findings}
        name, score = format_slice_id(quality.slice_id), quality.quality_score
        title = f"slice {name}: " + ("not judged" if score is None else f"score {score:.2f}")
        cells = tuple(
            (
                round(_ROW * i, 1),
                round(1 - factors.get(aspect, 1.0), 3),
                f"slice {name}, {text}: " + (f"{factors[aspect]:.2f}" if aspect in factors else "not judged"),
            )
            for i, (aspect, text) in enumerate(ASPECTS.items())
        )
        width = max(1.0, round(0.86 * (across(quality.slice_id + 1) - x), 2))
        columns.append(
            Column(quality.slice_id, x, width, round(80 * (score or 0.0), 2), state_of(quality), cells, title)
        )
    return tuple(columns)


def _ticks(columns: tuple[Column, ...]) -> list[tuple[float, str]]:
    middle = {column.slice_id: round(column.x + column.width / 2, 2) for column in columns}
    wanted = whole_ticks(columns[0].slice_id, columns[-1].slice_id)
    return [(middle[i], format_slice_id(i)) for i in wanted if i in middle]


def _view(job: QualityPageJob, quality: SliceQuality) -> SliceView:
    slice_id = quality.slice_id
    seen = _read(AssessmentFiles.standard(job.output, slice_id).reportlet, SliceReportlet)
    planes = () if seen is None else tuple((z, p.webp, p.width, p.height) for z, p in seen.planes)
    order = {aspect: i for i, aspect in enumerate(get_args(Aspect))}
    findings = tuple(sorted(quality.findings, key=lambda f: (round(f.factor, 2), order[f.aspect])))
    flickers = (_flicker(job, quality, pair) for pair in _shown_pairs(slice_id, job.pairs))
    return SliceView(
        quality, state_of(quality), planes, tuple(f for f in flickers if f is not None), findings
    )


def _shown_pairs(slice_id: int, pairs: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
    """With the nearest above and below, and these two with each other, across the slice."""
    above = max((a for a, b in pairs if b == slice_id), default=None)
    below = min((b for a, b in pairs if a == slice_id), default=None)
    wanted = [(above, slice_id), (slice_id, below), (above, below)]
    return [(a, b) for a, b in wanted if a is not None and b is not None and (a, b) in pairs]


def _flicker(job: QualityPageJob, quality: SliceQuality, pair: tuple[int, int]) -> Flicker | None:
    seen = _read(ComparisonFiles.standard(job.output, *pair).reportlet, PairReportlet)
    if seen is None:
        return None
    upper, lower = (format_slice_id(i) for i in pair)
    figures = next((f for f in quality.pairs if (f.upper_id, f.lower_id) == pair), None)
    said = "" if figures is None else f", local NCC {figures.likeness:.2f}"
    across = quality.slice_id not in pair
    title = f"{upper} and {lower}{', across this slice' if across else said}"
    layers = (
        FlickerLayer(f"{upper} (upper)", f"Lower face of slice {upper}.", seen.fixed),
        FlickerLayer(
            f"{lower}{'' if seen.registered is None else ', registered'}",
            f"Upper face of slice {lower}{said}; dashed: where they are unlike.",
            seen.registered or seen.moving,
        ),
    )
    key = f"q{format_slice_id(quality.slice_id)}-{upper}-{lower}"
    return Flicker(key, title, layers, svg_points(seen.outline))


def _read(path: Path, model: type[Found]) -> Found | None:
    try:
        return read_record(path, model)
    except RecordError:
        return None
