"""Traces: one figure per measured quantity over the slots, all on one x axis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from schemas.pairwise import OverallStatus, PairwiseMetrics
from schemas.slice_id import format_slice_id
from soct_core.report.axes import Scale, whole_ticks
from soct_core.report.panel import Panel, PanelStyle, Series, panel_of
from soct_core.report.run_data import Row, RunData
from soct_core.report.slots_line import Slot, SlotKind, mean_by_slot

# Sizes in SVG units, chosen by eye.
WIDTH, LEFT, RIGHT = 960.0, 62.0, 10.0
MOST_SLOTS = 4000
"""Slots beyond which nothing is drawn: more do not fit the width. Chosen by hand."""


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


def traces_of(data: RunData, slots: Sequence[Slot]) -> Traces | None:
    """The figure; None where there is nothing to draw, or far too many slots."""
    if not slots:
        return None
    first, last = slots[0].slice_id, slots[-1].until or slots[-1].slice_id
    if last - first + 1 > MOST_SLOTS:
        return None
    at = Scale(first - 0.5, last + 0.5, LEFT, WIDTH - RIGHT)
    makers: Iterable[Callable[[RunData, Scale], Panel | None]] = (
        _motion, _rotation, _ncc, _confidence, _pose, _pose_rotation, _intensity
    )  # fmt: skip
    panels = tuple(panel for make in makers if (panel := make(data, at)) is not None)
    strip = tuple(_box(slot, at) for slot in slots)
    x_ticks = tuple((at(i), format_slice_id(i)) for i in whole_ticks(first, last))
    return Traces(panels, strip, x_ticks, at, first, last) if panels else None


def _box(slot: Slot, at: Scale) -> SlotBox:
    x, end = at(slot.slice_id - 0.5), at((slot.until or slot.slice_id) + 0.5)
    return SlotBox(x, max(0.8, round(end - x - 0.6, 2)), slot.kind, slot.says)


def _motion(data: RunData, at: Scale) -> Panel | None:
    s = data.record.settings.pairwise
    in_um = s.translation_warn_um is not None or s.translation_error_um is not None
    style = PanelStyle(
        "Shift at each cut, px",
        "A mark far above its neighbours: the block slipped, or the pair is wrong.",
        "px",
        () if in_um else ((s.translation_warn_px, "warn"), (s.translation_error_px, "error")),
        zero=True,
    )
    return _by_status(data, at, style, lambda m: m.translation_magnitude)


def _rotation(data: RunData, at: Scale) -> Panel | None:
    s = data.record.settings.pairwise
    both = ((s.rotation_warn_deg, "warn"), (s.rotation_error_deg, "error"))
    style = PanelStyle(
        "Rotation at each cut, degrees",
        "A single turn that the next cut turns back: a wrong pair.",
        "°",
        [(sign * limit, kind) for limit, kind in both for sign in (1, -1)],
    )
    return _by_status(data, at, style, lambda m: m.rotation_deg)


def _confidence(data: RunData, at: Scale) -> Panel | None:
    s = data.record.settings.pairwise
    style = PanelStyle(
        "Confidence of each cut",
        "Marks below the lower line: these pairs do not steer.",
        limits=((s.confidence_warn, "warn"), (s.confidence_error, "error")),
        fixed_range=(0.0, 1.05),
    )
    return _by_status(data, at, style, lambda m: m.registration_confidence)


def _by_status(
    data: RunData, at: Scale, style: PanelStyle, value: Callable[[PairwiseMetrics], float | None]
) -> Panel | None:
    statuses: tuple[OverallStatus, ...] = ("ok", "warning", "error")
    series = [
        Series(
            [
                (sum(pair.ids) / 2, v, f"{_name(m)}: {v:.3g}{style.unit}, {status}")
                for pair in data.steering_pairs
                if (m := pair.metrics).overall_status == status and (v := value(m)) is not None
            ],
            status,
            status,
        )
        for status in statuses
    ]
    return panel_of(style, series, at)


def _ncc(data: RunData, at: Scale) -> Panel | None:
    before, after = [], []
    for pair in data.steering_pairs:
        m = pair.metrics
        x = sum(pair.ids) / 2
        if m.pre_ncc is not None and m.post_ncc is not None:
            before.append((x, m.pre_ncc, f"{_name(m)}: NCC {m.pre_ncc:.3f} as imaged"))
            after.append((x, m.post_ncc, f"{_name(m)}: NCC {m.post_ncc:.3f} registered"))
    style = PanelStyle(
        "Likeness across each cut, NCC", "A filled mark below its hollow one: registration made it worse."
    )
    return panel_of(style, [Series(before, "before", "as imaged"), Series(after, "after", "registered")], at)


def _pose(data: RunData, at: Scale) -> Panel | None:
    series = [
        Series(_of_rows(data, f"pose_translation_{axis}_px", "px"), f"axis-{axis}", f"along {axis}", True)
        for axis in "xy"
    ]
    style = PanelStyle(
        "Pose in the volume, shift, px", "A step that stays: everything below it is displaced."
    )
    return panel_of(style, series, at)


def _pose_rotation(data: RunData, at: Scale) -> Panel | None:
    style = PanelStyle(
        "Pose in the volume, rotation, degrees", "A steady ramp over many slices: anatomy taken for drift."
    )
    return panel_of(style, [Series(_of_rows(data, "pose_rotation_deg", "°"), "axis-x", "", True)], at)


def _intensity(data: RunData, at: Scale) -> Panel | None:
    means = mean_by_slot(data)
    shown = {
        "measured": ("after", "measured"),
        "interpolated": ("before", "interpolated"),
    }
    series = [
        Series(
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
    style = PanelStyle(
        "Mean intensity of tissue",
        "One slice brighter or darker than both neighbours: focus or gain changed.",
        least_share=0.2,
    )
    return panel_of(style, series, at)


def _of_rows(data: RunData, column: str, unit: str) -> list[tuple[float, float, str]]:
    def title(row: Row) -> str:
        held = row.get("pose_source") or ""
        return f"slice {format_slice_id(row['slice_id'])}: {row[column]:.3g} {unit}, {held}"

    return [
        (row["slice_id"], row[column], title(row)) for row in data.decisions if row.get(column) is not None
    ]


def _name(m: PairwiseMetrics) -> str:
    return f"{format_slice_id(m.fixed_id)} to {format_slice_id(m.moving_id)}"
