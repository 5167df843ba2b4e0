"""The line of slots: what became of every slice id, from the first to the last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from schemas.slice_id import format_slice_id
from soct_core.report.run_data import RunData
from soct_core.slice_config.finalise import COVERED_NOTE

SlotKind = Literal["measured", "interpolated", "hard_skip", "gap", "excluded", "covered"]
KIND_NAMES: dict[SlotKind, str] = {
    "measured": "measured",
    "interpolated": "interpolated",
    "hard_skip": "hard skip",
    "gap": "gap",
    "excluded": "excluded",
    "covered": "covered",
}
KIND_MEANINGS: dict[SlotKind, str] = {
    "measured": "imaged; 1 in labels/provenance",
    "interpolated": "an estimate between its neighbours; 2 in labels/provenance",
    "hard_skip": "a gate refused to interpolate; stays a gap",
    "gap": "missing and not attempted; stays empty",
    "excluded": "the slice config says not to use it; stays empty",
    "covered": "the slice above was trusted this deep",
}
_LONGEST_RUN = 6
"""Gaps in a row that are drawn one by one. Chosen by eye."""


@dataclass(frozen=True)
class Slot:
    """One slice id, or a long run of gaps."""

    slice_id: int
    kind: SlotKind
    reason: str = ""
    until: int | None = None
    """Last id of a run."""
    steers: bool = True
    """False for a measured slice whose transforms place no others."""

    @property
    def name(self) -> str:
        first = format_slice_id(self.slice_id)
        return first if self.until is None else f"{first} to {format_slice_id(self.until)}"

    @property
    def kind_name(self) -> str:
        return KIND_NAMES[self.kind]

    @property
    def says(self) -> str:
        """For a title and for screen readers."""
        return f"slice {self.name}: {self.kind_name}" + (f", {self.reason}" if self.reason else "")


def slots_of(data: RunData) -> tuple[Slot, ...]:
    """Every slot between the first and the last measured one, and others that a row speaks of."""
    ids = {*data.used, *data.trail, *(gap.slice_id for gap in data.gaps)}
    if not ids:
        return ()
    known = ids | set(data.record.gaps.single)
    inside = data.used or tuple(ids)
    return tuple(_slots(data, known, min(inside), max(inside)))


def _slots(data: RunData, known: set[int], first: int, last: int) -> Iterator[Slot]:
    gaps = {gap.slice_id: gap.diagnostics for gap in data.gaps}
    current = first
    for slice_id in sorted(known):
        yield from _missing(current, min(slice_id - 1, last))
        current = max(first, slice_id + 1)
        row = data.trail.get(slice_id, {})
        notes = str(row.get("notes") or "")
        if slice_id in data.used:
            steers = not row.get("auto_excluded")
            why = "" if steers else str(row.get("auto_exclude_reason") or "auto-excluded")
            yield Slot(slice_id, "measured", "; ".join(filter(None, (why, notes))), steers=steers)
        elif slice_id in gaps:
            yield _attempted(slice_id, gaps[slice_id].fallback_reason, gaps[slice_id].detail, notes)
        elif COVERED_NOTE in notes:
            yield Slot(slice_id, "covered", notes)
        elif row.get("use") is False or row.get("auto_excluded"):
            yield Slot(slice_id, "excluded", str(row.get("auto_exclude_reason") or "") or notes)
        else:
            yield Slot(slice_id, "gap", notes)
    yield from _missing(current, last)


def _attempted(slice_id: int, reason: str | None, detail: str, notes: str) -> Slot:
    if reason is None:
        return Slot(slice_id, "interpolated", notes)
    return Slot(slice_id, "hard_skip", f"{reason}: {detail}" if detail else reason)


def _missing(first: int, last: int) -> Iterator[Slot]:
    if last - first + 1 > _LONGEST_RUN:
        yield Slot(first, "gap", f"{last - first + 1} slices in a row", until=last)
        return
    for slice_id in range(first, last + 1):
        yield Slot(slice_id, "gap")


def mean_by_slot(data: RunData) -> dict[int, tuple[float, str]]:
    """Mean intensity of tissue in each slot, and the slot's state."""
    if data.stack is None:
        return {}
    found = {}
    for row in data.decisions:
        inside = [
            (plane.tissue_mean, plane.tissue_fraction)
            for plane in data.stack.profile
            if plane.tissue_mean is not None and row["slot_top_um"] <= plane.depth_um < row["slot_bottom_um"]
        ]
        weight = sum(w for _, w in inside)
        if weight > 0 and row["slot_state"] != "gap":
            mean = sum(m * w for m, w in inside if m is not None) / weight
            found[row["slice_id"]] = mean, str(row["slot_state"])
    return found
