"""Flags: what a reader should know first, each with the threshold behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.slice_id import format_slice_id
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
    found = [*_run(data), *_gaps(slots), *_pairs(data), *_poses(data), *_by_hand(data)]
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


def _gaps(slots: Sequence[Slot]) -> Iterator[Flag]:
    skipped = [slot for slot in slots if slot.kind == "hard_skip"]
    filled = [slot for slot in slots if slot.kind == "interpolated"]
    for slot in skipped:
        yield Flag(
            "warning",
            f"Slice {slot.name} could not be interpolated honestly and stays a gap: {slot.reason}.",
            "a gate of zmorph",
            f"gap-{slot.name}",
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


def _pairs(data: RunData) -> Iterator[Flag]:
    s = data.record.settings.pairwise
    limits = (
        f"confidence {s.confidence_warn:g} / {s.confidence_error:g}, "
        f"z correlation {s.z_correlation_warn:g} / {s.z_correlation_error:g}, "
        f"rotation {s.rotation_warn_deg:g} / {s.rotation_error_deg:g}° a cut, "
        f"translation {_translation_limits(data)} a cut (warning / error)"
    )
    for status, level in (("error", "error"), ("warning", "warning")):
        found = [pair for pair in data.steering_pairs if pair.metrics.overall_status == status]
        if found:
            verb = "unreliable: they place no slice" if status == "error" else "should be looked at"
            text = f"{_count(len(found), 'pair')} {verb}: {_names(found)}."
            yield Flag("error" if level == "error" else "warning", text, limits, "pairs")


def _translation_limits(data: RunData) -> str:
    s = data.record.settings.pairwise
    if s.translation_warn_um is not None or s.translation_error_um is not None:
        return f"{s.translation_warn_um or '–'} / {s.translation_error_um or '–'} µm"
    return f"{s.translation_warn_px:g} / {s.translation_error_px:g} px"


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
            "decisions",
        )
    loose = [row for row in data.decisions if row.get("pose_source") == "prior"]
    if loose and len(data.used) > 1:
        names = ", ".join(format_slice_id(row["slice_id"]) for row in loose[:_MOST_NAMED])
        yield Flag(
            "warning",
            f"{_count(len(loose), 'slice')} held by no reliable pair, only by the prior ({names}).",
            "a pair of status ok or warning",
            "decisions",
        )


def _by_hand(data: RunData) -> Iterator[Flag]:
    """What a person decided, and not the program."""
    if by_hand := [pair for pair in data.pairs if pair.metrics.source == "manual"]:
        text = f"{_count(len(by_hand), 'pair')} set by hand, with full weight: {_names(by_hand)}."
        yield Flag("note", text, link="pairs")
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
            yield Flag("note", text, "stack.pose_from", "decisions")


def _names(pairs: Sequence[RegisteredPair]) -> str:
    named = [f"{format_slice_id(a)}–{format_slice_id(b)}" for a, b in (pair.ids for pair in pairs)]
    more = len(named) - _MOST_NAMED
    return ", ".join(named[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _plural(items: Sequence[object], noun: str) -> str:
    return noun if len(items) == 1 else f"{noun}s"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
