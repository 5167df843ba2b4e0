"""Matching of intensity: which cuts can tell, the factors of all slices, and what is to be said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from schemas.published_stack import UnmatchedCut
from schemas.slice_id import format_slice_id
from soct_core.arrays import Zyx
from soct_core.stacking.canvas import Canvas
from soct_core.stacking.cut_intensity import CutIntensity, measured_cuts
from soct_core.stacking.gains import LEAST_FACTOR, MOST_FACTOR, solve_gains
from soct_core.stacking.inputs import Assembled
from soct_core.stacking.placed_slice import PlacedSlice

MOST_SLOTS_APART = 3.0
"""Between the tops of two slices. Chosen by hand: across more, anatomy changes too much to tell."""


@dataclass(frozen=True)
class MatchedIntensity:
    """Factors of measured slices, and what could not be matched."""

    factors: Mapping[int, float] = field(default_factory=dict)
    """By slice id; 1 where left out."""
    step: float | None = None
    """The step that all cuts have in common; None where no cut could tell."""
    matched: int = 0
    """Cuts that could be matched."""
    unmatched: tuple[UnmatchedCut, ...] = ()

    def remarks(self) -> dict[int, str]:
        """What to say of slices, by id."""
        said = {
            cut.lower_id: f"intensity not matched to slice {format_slice_id(cut.upper_id)}: {cut.reason}"
            for cut in self.unmatched
        }
        for slice_id, factor in self.factors.items():
            if factor in (LEAST_FACTOR, MOST_FACTOR):
                bounded = f"intensity factor at its bound {factor:g}"
                said[slice_id] = "; ".join(filter(None, (said.get(slice_id), bounded)))
        return said


def match_intensity(
    assembled: Assembled,
    canvas: Canvas,
    voxel_size_um: Zyx,
    slot_planes: float,
    published: MatchedIntensity | None = None,
) -> MatchedIntensity:
    """Match the intensities of all measured slices; those that are published keep their factors.

    Parameters
    ----------
    slot_planes
        Planes of a slot.
    published
        What an earlier run had matched, of a volume that is continued.
    """
    known = published or MatchedIntensity()
    measured = [placed for placed in assembled.placed_slices if placed.state == "measured"]
    new = [
        (upper, lower)
        for upper, lower in pairwise(measured)
        if not {upper.slice_id, lower.slice_id} <= known.factors.keys()
    ]
    unmatched, wanted = list(known.unmatched), []
    for upper, lower in new:
        reason = _why_not(upper, lower, assembled, slot_planes)
        if reason:
            unmatched.append(_unmatched(upper.slice_id, lower.slice_id, reason))
        else:
            wanted.append((upper.slice_id, lower.slice_id))
    seen: list[CutIntensity] = []
    for cut in measured_cuts(measured, canvas, voxel_size_um, wanted):
        if isinstance(cut, CutIntensity):
            seen.append(cut)
        else:
            unmatched.append(_unmatched(*cut, "no tissue in common"))
    ids = [placed.slice_id for placed in measured]
    gains = solve_gains(ids, seen, slot_planes, known.factors, known.step)
    step = gains.step if seen else known.step
    return MatchedIntensity(gains.factors, step, known.matched + len(seen), tuple(unmatched))


def _why_not(upper: PlacedSlice, lower: PlacedSlice, assembled: Assembled, slot_planes: float) -> str:
    """Why a cut is not looked at; empty if it is."""
    above, below = upper.slice_id, lower.slice_id
    by_stage = any(assembled.poses[i].source == "stage" for i in (above, below))
    crossed = any(
        verdict.weight > 0 and fixed <= above and moving >= below
        for (fixed, moving), verdict in assembled.verdicts.items()
    )
    if not crossed and not by_stage:
        return "no trusted pair"
    apart = (lower.top - upper.top) / slot_planes
    return f"{apart:.0f} slots apart" if apart > MOST_SLOTS_APART + 0.5 else ""


def _unmatched(upper_id: int, lower_id: int, reason: str) -> UnmatchedCut:
    return UnmatchedCut(upper_id=upper_id, lower_id=lower_id, reason=reason)
