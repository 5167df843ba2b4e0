"""Traces: one figure per measured quantity over the slots, all on one x axis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from schemas.pairwise import OverallStatus, PairwiseMetrics
from schemas.slice_id import format_slice_id
from soct_core.report.axes import Scale, spread, ticks, whole_ticks
from soct_core.report.panel import HEIGHT, Level, Mark, Panel
from soct_core.report.reading import Reading, Row
from soct_core.report.slot_intensity import mean_by_slot
from soct_core.report.slots_line import Slot, SlotKind

WIDTH, LEFT, RIGHT = 960.0, 62.0, 10.0
MOST_SLOTS = 4000
_MOST_OF_LIMIT = 1.3
"""Of the error threshold: what lies beyond is drawn at the frame."""


@dataclass(frozen=True)
class SlotBox:
    """A slot of the strip above the traces."""

    x: float
    width: float
    kind: SlotKind
    title: str


@dataclass(frozen=True)
class Traces:
    """All panels, the strip of slots and the labels of the x axis."""

    panels: tuple[Panel, ...]
    strip: tuple[SlotBox, ...]
    x_ticks: tuple[tuple[float, str], ...]
    at: Scale = field(repr=False)
    first: int = 0
    last: int = 0


@dataclass(frozen=True)
class _Series:
    points: Sequence[tuple[float, float, str]]
    """x, y, title."""
    shape: str
    meaning: str = ""
    joined: bool = False


def traces_of(reading: Reading, slots: Sequence[Slot]) -> Traces | None:
    """The figure; None where there is nothing to draw, or far too many slots."""
    if not slots:
        return None
    first, last = slots[0].slice_id, slots[-1].until or slots[-1].slice_id
    if last - first + 1 > MOST_SLOTS:
        return None
    at = Scale(first - 0.5, last + 0.5, LEFT, WIDTH - RIGHT)
    makers: Iterable[Callable[[Reading, Scale], Panel | None]] = (
        _motion, _rotation, _ncc, _confidence, _pose, _pose_rotation, _intensity
    )  # fmt: skip
    panels = tuple(panel for make in makers if (panel := make(reading, at)) is not None)
    strip = tuple(_box(slot, at) for slot in slots)
    x_ticks = tuple((at(i), format_slice_id(i)) for i in whole_ticks(first, last))
    return Traces(panels, strip, x_ticks, at, first, last) if panels else None


def _box(slot: Slot, at: Scale) -> SlotBox:
    x, end = at(slot.slice_id - 0.5), at((slot.until or slot.slice_id) + 0.5)
    return SlotBox(x, max(0.8, round(end - x - 0.6, 2)), slot.kind, slot.says)


def _motion(reading: Reading, at: Scale) -> Panel | None:
    s = reading.record.settings.pairwise
    in_um = s.translation_warn_um is not None or s.translation_error_um is not None
    limits = () if in_um else ((s.translation_warn_px, "warn"), (s.translation_error_px, "error"))
    return _by_status(
        reading,
        at,
        "Shift at each cut, px",
        lambda m: m.translation_magnitude,
        "A mark far above its neighbours: the block slipped, or the pair is wrong.",
        limits,
        "px",
    )


def _rotation(reading: Reading, at: Scale) -> Panel | None:
    s = reading.record.settings.pairwise
    limits = [
        (sign * v, k)
        for v, k in ((s.rotation_warn_deg, "warn"), (s.rotation_error_deg, "error"))
        for sign in (1, -1)
    ]
    return _by_status(
        reading,
        at,
        "Rotation at each cut, degrees",
        lambda m: m.rotation_deg,
        "A single turn that the next cut turns back: a wrong pair.",
        limits,
        "°",
        zero=False,
    )


def _confidence(reading: Reading, at: Scale) -> Panel | None:
    s = reading.record.settings.pairwise
    limits = ((s.confidence_warn, "warn"), (s.confidence_error, "error"))
    return _by_status(
        reading,
        at,
        "Confidence of each cut",
        lambda m: m.registration_confidence,
        "Marks below the lower line: these pairs do not steer.",
        limits,
        "",
        fixed_range=(0.0, 1.05),
    )


def _by_status(
    reading: Reading,
    at: Scale,
    title: str,
    value: Callable[[PairwiseMetrics], float | None],
    failure: str,
    limits: Sequence[tuple[float, str]],
    unit: str,
    *,
    zero: bool = True,
    fixed_range: tuple[float, float] | None = None,
) -> Panel | None:
    statuses: tuple[OverallStatus, ...] = ("ok", "warning", "error")
    series = [
        _Series(
            [
                (sum(pair.ids) / 2, v, f"{_name(m)}: {v:.3g}{unit}, {status}")
                for pair in reading.steering_pairs
                if (m := pair.metrics).overall_status == status and (v := value(m)) is not None
            ],
            status,
            status,
        )
        for status in statuses
    ]
    return _panel(title, failure, series, at, limits, zero=zero, fixed_range=fixed_range)


def _ncc(reading: Reading, at: Scale) -> Panel | None:
    before, after = [], []
    for pair in reading.steering_pairs:
        m = pair.metrics
        x = sum(pair.ids) / 2
        if m.pre_ncc is not None and m.post_ncc is not None:
            before.append((x, m.pre_ncc, f"{_name(m)}: NCC {m.pre_ncc:.3f} as imaged"))
            after.append((x, m.post_ncc, f"{_name(m)}: NCC {m.post_ncc:.3f} registered"))
    series = [_Series(before, "before", "as imaged"), _Series(after, "after", "registered")]
    failure = "A filled mark below its hollow one: registration made it worse."
    return _panel("Likeness across each cut, NCC", failure, series, at, (), zero=False)


def _pose(reading: Reading, at: Scale) -> Panel | None:
    series = [
        _Series(_of_rows(reading, f"pose_translation_{axis}_px", "px"), f"axis-{axis}", f"along {axis}", True)
        for axis in "xy"
    ]
    failure = "A step that stays: everything below it is displaced."
    return _panel("Pose in the volume, shift, px", failure, series, at, (), zero=False)


def _pose_rotation(reading: Reading, at: Scale) -> Panel | None:
    series = [_Series(_of_rows(reading, "pose_rotation_deg", "°"), "axis-x", "", True)]
    failure = "A steady ramp over many slices: anatomy taken for drift."
    return _panel("Pose in the volume, rotation, degrees", failure, series, at, (), zero=False)


def _intensity(reading: Reading, at: Scale) -> Panel | None:
    means = mean_by_slot(reading)
    shown = {
        "measured": ("after", "measured"),
        "interpolated": ("before", "interpolated"),
    }
    series = [
        _Series(
            [
                (i, mean, f"slice {format_slice_id(i)}: mean {mean:.4g}, {state}")
                for i, (mean, of) in means.items()
                if of == state
            ],
            shape,
            meaning,
        )
        for state, (shape, meaning) in shown.items()
    ]
    failure = "One slice brighter or darker than both neighbours: focus or gain changed."
    return _panel("Mean intensity of tissue", failure, series, at, (), zero=False, least_share=0.2)


def _of_rows(reading: Reading, column: str, unit: str) -> list[tuple[float, float, str]]:
    def title(row: Row) -> str:
        held = row.get("pose_source") or ""
        return f"slice {format_slice_id(row['slice_id'])}: {row[column]:.3g} {unit}, {held}"

    return [
        (row["slice_id"], row[column], title(row)) for row in reading.decisions if row.get(column) is not None
    ]


def _panel(
    title: str,
    failure: str,
    series: Sequence[_Series],
    at: Scale,
    limits: Sequence[tuple[float, str]],
    *,
    zero: bool,
    fixed_range: tuple[float, float] | None = None,
    least_share: float = 1e-3,
) -> Panel | None:
    values = [y for one in series for _, y, _ in one.points]
    if not values:
        return None
    low, high = fixed_range or spread(values, least=least_share * max(map(abs, values)) + 1e-6, zero=zero)
    beyond = 0
    if limits and fixed_range is None:
        # One wild pair must not press all others flat.
        cap = _MOST_OF_LIMIT * max(v for v, _ in limits)
        beyond = sum(abs(v) > cap for v in values)
        near = [v for v, _ in limits if low - (high - low) < v < high + (high - low)]
        inside = [min(cap, max(-cap, v)) for v in values]
        low, high = spread([*inside, *near], least=1e-6, zero=zero)
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
        title=title + (f" ({beyond} beyond the frame)" if beyond else ""),
        failure=failure,
        ticks=tuple((up(v), text) for v, text in ticks(low, high, 3)),
        marks=tuple(marks),
        levels=tuple(
            Level(up(v), f"{kind} {v:g}" if v > 0 else "", kind, _label_below(v, limits))
            for v, kind in limits
            if low <= v <= high
        ),
        lines=tuple(lines),
        key=tuple((one.shape, one.meaning) for one in drawn if one.meaning and len(drawn) > 1),
        summary=f"{len(values)} values from {min(values):.3g} to {max(values):.3g}",
    )


def _label_below(value: float, limits: Sequence[tuple[float, str]]) -> bool:
    """Two lines may lie close: the label of the lower one stands below it."""
    return any(value < other and value * other > 0 for other, _ in limits)


def _name(m: PairwiseMetrics) -> str:
    return f"{format_slice_id(m.fixed_id)} to {format_slice_id(m.moving_id)}"
