"""Stacking decisions: the row of a slot, where its slice went, who fills it, and why."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.published_stack import PoseSource
from schemas.slice_id import format_slice_id
from schemas.tables.csv_cells import inert
from soct_core.registration.working_plane import pixel_aspect
from soct_core.stacking.gains import factor_at
from soct_core.stacking.inputs import Assembled, StackInput
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.stacking.poses import PairVerdict
from soct_core.stacking.z_corrections import from_datum

_DIGITS = {"_um": 3, "_px": 4, "_deg": 5}
"""Behind the point: a nanometre, and what moves the rim of a plane of 10,000 px by a thousandth of one."""
_DIGITS_OF_SHARES = 4
_POSE_REMARKS: dict[PoseSource, str] = {
    "stage": "left where the stage put it (stack.pose_from)",
    "rotation": "only its rotation is from pairs (stack.pose_from)",
    "translation": "only its shift is from pairs (stack.pose_from)",
}


def decision(
    slice_id: int,
    placed: PlacedSlice | None,
    given: StackInput,
    assembled: Assembled,
    factors: Mapping[int, float],
) -> dict[str, object]:
    """The row of a slot in `stacking_decisions.csv`; `placed` is that of its slice, if it has one.

    Numbers are rounded to what they are good for; `published.json` holds poses in full.
    """
    row = _decision(slice_id, placed, given, assembled, factors)
    return {name: _rounded(name, cell) for name, cell in row.items()}


def _rounded(column: str, cell: object) -> object:
    digits = next((n for unit, n in _DIGITS.items() if column.endswith(unit)), _DIGITS_OF_SHARES)
    # Adding 0 turns -0.0 into 0.0.
    return round(cell, digits) + 0.0 if isinstance(cell, float) else cell


def _decision(
    slice_id: int,
    placed: PlacedSlice | None,
    given: StackInput,
    assembled: Assembled,
    factors: Mapping[int, float],
) -> dict[str, object]:
    slots = given.slots
    row: dict[str, object] = {
        "slice_id": slice_id,
        "slot_state": placed.state if placed else "gap",
        "slot_top_um": slots.top_um(slice_id),
        "slot_bottom_um": slots.top_um(slice_id + 1),
        "z_residual_um": slots.residual_um(slice_id),
        "reasons": inert(given.reasons.get(slice_id, "")),
    }
    if placed is None:
        return row | _absent(slice_id, str(row["reasons"]), given, assembled)
    pose = placed.pose if placed.alphas is None else placed.pose_at(len(placed.alphas) // 2)
    end, resurfaced = _filled_end(placed, assembled)
    row |= {
        "z_first": placed.top,
        "z_last": end - 1,
        "pose_rotation_deg": pose.scaled(*pixel_aspect(given.voxel_size_um)).rotation_deg,
        "pose_translation_x_px": pose.translation[0],
        "pose_translation_y_px": pose.translation[1],
        "pose_source": "interpolated",
        "confidence": 0.0,
        "intensity_factor": factor_at(placed, len(placed.poses()) // 2, factors),
    }
    if placed.state == "interpolated":
        return row
    solved = assembled.poses[slice_id]
    above, below = _strongest(slice_id, assembled.verdicts)
    return row | {
        "pose_source": solved.source,
        "confidence": solved.confidence,
        "pair_weight_above": above,
        "pair_weight_below": below,
        "reasons": inert(
            "; ".join(filter(None, (str(row["reasons"]), *resurfaced, *_remarks(slice_id, given, assembled))))
        ),
    }


def _absent(slice_id: int, reasons: str, given: StackInput, assembled: Assembled) -> dict[str, object]:
    """A slot without a slice of its own: covered from above, or a gap and why."""
    top, end = given.slots.top(slice_id), given.slots.top(slice_id + 1)
    above = [placed for placed in assembled.placed_slices if placed.state == "measured" and placed.top < top]
    deepest = max(above, key=lambda placed: placed.bottom, default=None)
    if deepest is not None and deepest.bottom >= end:
        covered = f"covered by slice {format_slice_id(deepest.slice_id)}, which is trusted that deep"
        return {"slot_state": "measured", "z_first": top, "z_last": end - 1, "reasons": covered}
    present = given.measured.keys() | given.interpolated.keys()
    alone = slice_id - 1 in present and slice_id + 1 in present
    why = reasons or ("missing" if alone else "part of a gap of several slices")
    if deepest is None or deepest.bottom <= top:
        return {"reasons": why}
    last = deepest.bottom - 1
    partly = f"{why}; planes {top} to {last} are of slice {format_slice_id(deepest.slice_id)}"
    return {"slot_state": "measured", "z_first": top, "z_last": last, "reasons": partly}


def _filled_end(placed: PlacedSlice, assembled: Assembled) -> tuple[int, list[str]]:
    """First plane that is not filled, and who fills those below a slice shorter than the one above."""
    end = _owned_end(placed, assembled)
    following = min(
        (other.top for other in assembled.placed_slices if other.top > placed.top), default=assembled.depth
    )
    deeper = [
        o for o in assembled.placed_slices if o.state == "measured" and o.top < placed.top and o.bottom > end
    ]
    if placed.state != "measured" or not deeper or end >= following:
        return end, []
    deepest = max(deeper, key=lambda other: other.bottom)
    filled = min(deepest.bottom, following)
    return filled, [f"planes {end} to {filled - 1} are of slice {format_slice_id(deepest.slice_id)}"]


def _owned_end(placed: PlacedSlice, assembled: Assembled) -> int:
    """First plane that is not its own: its trusted end, or the top of the next slice."""
    below = [other.top for other in assembled.placed_slices if other.top > placed.top]
    return min(placed.bottom, assembled.depth, *below)


def _strongest(
    slice_id: int, verdicts: Mapping[tuple[int, int], PairVerdict]
) -> tuple[float | None, float | None]:
    above = [v.weight for (_, moving), v in verdicts.items() if moving == slice_id]
    below = [v.weight for (fixed, _), v in verdicts.items() if fixed == slice_id]
    return max(above, default=None), max(below, default=None)


def _remarks(slice_id: int, given: StackInput, assembled: Assembled) -> list[str]:
    """What speaks against the pose of a slice, pair by pair."""
    remarks = ["excluded from steering by the slice config"] if slice_id in given.skip else []
    if correction := from_datum(assembled.corrections_um).get(slice_id, 0.0):
        remarks.append(f"z corrected by {correction:.0f} um")
    if said := assembled.intensity_remarks.get(slice_id):
        remarks.append(said)
    source = assembled.poses[slice_id].source
    if source in _POSE_REMARKS:
        remarks.append(_POSE_REMARKS[source])
    pairs = {(p.fixed_id, p.moving_id): p for p in given.pairs}
    for (fixed, moving), verdict in assembled.verdicts.items():
        if slice_id != moving or fixed not in given.measured:
            continue
        name = f"pair z{format_slice_id(fixed)}-z{format_slice_id(moving)}"
        if pairs[fixed, moving].by_hand:
            remarks.append(f"{name} set by hand")
        if pairs[fixed, moving].weight == 0:
            remarks.append(f"{name} not reliable")
        elif not verdict.agrees:
            remarks.append(f"{name} contradicts the others by {verdict.disagreement_px:.1f} px")
    return remarks
