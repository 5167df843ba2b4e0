"""Flags: what a reader should know first, each with the threshold behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.diagnostics import NO_MOTION
from schemas.run_record import command_with
from schemas.slice_id import format_slice_id
from soct_core.report.gate_table import gates_of
from soct_core.report.run_data import RegisteredPair, RunData
from soct_core.report.slots_line import Slot

Level = Literal["error", "warning", "note", "ok"]
_MOST_NAMED = 8
"""Slices or pairs that one flag names. Chosen by eye."""


@dataclass(frozen=True)
class Flag:
    """One finding."""

    level: Level
    text: str
    threshold: str = ""
    remedy: str = ""
    """What to do about it."""
    paste: str = ""
    """The line or command that does it."""
    link: str = ""
    """Anchor of a section of the page, without the #."""


def flags_of(data: RunData, slots: Sequence[Slot]) -> tuple[Flag, ...]:
    """All flags, the worst first; a single `ok` one when there is nothing to say."""
    order = ("error", "warning", "note", "ok")
    found = [*_run(data), *_gaps(data, slots), *_pairs(data), *_poses(data), *_by_hand(data, slots)]
    doubts = data.record.doubts
    found += [Flag("warning", d.sentence, remedy=d.remedy, paste=d.paste) for d in doubts]
    doubted = {doubt.text for doubt in doubts}
    found += [Flag("warning", text) for text in data.record.warnings if text not in doubted]
    found += [Flag("warning", f"Could not be read: {text}") for text in data.unread]
    if not any(flag.level in ("error", "warning") for flag in found):
        found.append(Flag("ok", "Nothing stands out."))
    return tuple(sorted(found, key=lambda flag: order.index(flag.level)))


def _run(data: RunData) -> Iterator[Flag]:
    failed = [task for task in data.record.tasks if task.state != "Completed"]
    if data.record.outcome == "failed":
        what = f"{_count(len(failed), 'task')} failed" if failed else "It stopped between two tasks"
        yield Flag("error", f"The run failed. {what}; the page shows what there is.", link="errors")


def _gaps(data: RunData, slots: Sequence[Slot]) -> Iterator[Flag]:
    skipped = [slot for slot in slots if slot.kind == "hard_skip"]
    filled = [slot for slot in slots if slot.kind == "interpolated"]
    for slot in skipped:
        yield Flag(
            "warning",
            f"Slice {slot.name} could not be interpolated honestly and stays a gap: {slot.reason}.",
            _fired(data, slot),
            *_accepting(data, slot),
            link=f"gap-{slot.name}",
        )
    if filled:
        names = ", ".join(slot.name for slot in filled)
        yield Flag(
            "note",
            f"{_count(len(filled), 'slice')} interpolated ({names}): an estimate, 2 in labels/provenance.",
            link="interpolations",
        )
    excluded = [slot for slot in slots if slot.kind == "excluded"]
    if excluded:
        names = ", ".join(slot.name for slot in excluded)
        yield Flag(
            "note", f"{_count(len(excluded), 'slice')} excluded and left empty ({names}).", link="slots"
        )


def _fired(data: RunData, slot: Slot) -> str:
    """The gates that refused a slice: setting, value and limit."""
    rows = [row for gap in data.gaps if gap.slice_id == slot.slice_id for row in gates_of(gap.diagnostics)]
    failed = (row for row in rows if row.verdict == "failed" and row.value is not None)
    return "; ".join(f"{row.setting or row.name} {row.value:.3g}, wanted {row.wanted}" for row in failed)


def _accepting(data: RunData, slot: Slot) -> tuple[str, str]:
    """What a person can do who looks at a refused slice and finds it fine: in words, and as a command."""
    reasons = {gap.slice_id: gap.diagnostics.fallback_reason for gap in data.gaps}
    if reasons.get(slot.slice_id) in NO_MOTION:
        return "nothing: there is no motion to fill it with, so that it cannot be accepted", ""
    command = command_with(data.record.command, f"--accept {slot.name}")
    return "look at it; if it is right, accept this slice alone, which is recorded for good", command


def _accepted(data: RunData) -> dict[int, str]:
    found = ((gap.slice_id, gap.diagnostics) for gap in data.gaps)
    return {slice_id: d.detail for slice_id, d in found if d.gate == "accepted_by_hand"}


def _pairs(data: RunData) -> Iterator[Flag]:
    levels: tuple[tuple[str, Level], ...] = (("error", "error"), ("warning", "warning"))
    for status, level in levels:
        found = [pair for pair in data.steering_pairs if pair.metrics.overall_status == status]
        if found:
            verb = "unreliable: they place no slice" if status == "error" else "should be looked at"
            text = f"{_count(len(found), 'pair')} {verb}: {_names(found)}."
            said = [f"{_names([pair])}: {'; '.join(pair.metrics.reasons)}" for pair in found]
            yield Flag(level, text, " | ".join(said[:_MOST_NAMED]), link="pairs")


def _poses(data: RunData) -> Iterator[Flag]:
    contradicted = [row for row in data.decisions if "contradicts the others" in str(row.get("reasons"))]
    scale = data.record.settings.stack.robust_scale_px
    if contradicted:
        names = ", ".join(format_slice_id(row["slice_id"]) for row in contradicted[:_MOST_NAMED])
        yield Flag(
            "warning",
            f"A pair that ends at {_plural(contradicted, 'slice')} {names} contradicts the others "
            "and lost its weight.",
            f"robust_scale_px {scale:g} px, or 5 times the usual disagreement",
            link="decisions",
        )
    loose = [row for row in data.decisions if row.get("pose_source") == "prior"]
    if loose and len(data.used) > 1:
        names = ", ".join(format_slice_id(row["slice_id"]) for row in loose[:_MOST_NAMED])
        yield Flag(
            "warning",
            f"{_count(len(loose), 'slice')} held by no reliable pair, only by the prior ({names}).",
            "a pair of status ok or warning",
            link="decisions",
        )


def _by_hand(data: RunData, slots: Sequence[Slot]) -> Iterator[Flag]:
    """What a person decided, and not the program."""
    if by_hand := [pair for pair in data.pairs if pair.metrics.source == "manual"]:
        text = f"{_count(len(by_hand), 'pair')} set by hand, with full weight: {_names(by_hand)}."
        yield Flag("note", text, link="pairs")
    accepted = [slot for slot in slots if slot.slice_id in _accepted(data)]
    for slot in accepted:
        text = f"Slice {slot.name} was {_accepted(data)[slot.slice_id]}."
        yield Flag("note", text, link=f"gap-{slot.name}")
    for source, what in (
        ("stage", "left where the stage put it"),
        ("rotation", "placed by rotation alone"),
        ("translation", "placed by shift alone"),
    ):
        rows = [row for row in data.decisions if row.get("pose_source") == source]
        if rows:
            names = ", ".join(format_slice_id(row["slice_id"]) for row in rows[:_MOST_NAMED])
            more = f" and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else ""
            text = f"{_count(len(rows), 'slice')} {what} ({names}{more})."
            yield Flag("note", text, "stack.pose_from", link="decisions")


def _names(pairs: Sequence[RegisteredPair]) -> str:
    named = [f"{format_slice_id(a)}–{format_slice_id(b)}" for a, b in (pair.ids for pair in pairs)]
    more = len(named) - _MOST_NAMED
    return ", ".join(named[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _plural(items: Sequence[object], noun: str) -> str:
    return noun if len(items) == 1 else f"{noun}s"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
