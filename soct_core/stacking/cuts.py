"""Cuts between measured slices: how well each is bridged, and the parts that unbridged ones leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from soct_core.stacking.inputs import Assembled, StackInput
from soct_core.stacking.poses import PairMotion, PairVerdict

Cut = tuple[int, int]
"""The slices above and below."""


def cut_confidences(
    ids: Iterable[int], pairs: Sequence[PairMotion], verdicts: Mapping[Cut, PairVerdict]
) -> dict[Cut, float]:
    """The greatest confidence of the pairs that cross each cut and kept a weight; 0 where none does.

    A check counts: across a slice that supports nothing, it alone holds the two sides together.

    Examples
    --------
    >>> from soct_core.affine import Affine2D
    >>> pairs = [PairMotion(0, 1, Affine2D.identity(), 0.9, 50.0)]
    >>> cut_confidences([0, 1, 2], pairs, {(0, 1): PairVerdict(0.9, 0.1, True)})
    {(0, 1): 0.9, (1, 2): 0.0}
    """
    confidences = {(p.fixed_id, p.moving_id): p.weight for p in pairs}
    ordered = sorted(ids)
    found = dict.fromkeys(pairwise(ordered), 0.0)
    for (fixed, moving), verdict in verdicts.items():
        if verdict.weight <= 0 or fixed not in ordered or moving not in ordered:
            continue
        for cut in pairwise(ordered[ordered.index(fixed) : ordered.index(moving) + 1]):
            found[cut] = max(found[cut], confidences.get((fixed, moving), 0.0))
    return found


def parts(ids: Iterable[int], confidences: Mapping[Cut, float]) -> dict[int, int]:
    """The part of the volume, from 1, that each slice belongs to: a cut of confidence 0 parts it.

    Examples
    --------
    >>> parts([0, 1, 2], {(0, 1): 0.9, (1, 2): 0.0})
    {0: 1, 1: 1, 2: 2}
    """
    part = 1
    found = dict.fromkeys(sorted(ids), part)
    for (_, below), confidence in sorted(confidences.items()):
        part += confidence == 0
        found[below] = part
    return found


def cut_columns(given: StackInput, assembled: Assembled) -> dict[int, dict[str, object]]:
    """What the decisions say of the cut above each measured slice, and of its part of the volume."""
    measured = sorted(given.measured)
    confidences = cut_confidences(measured, given.pairs, assembled.verdicts)
    above = {below: round(confidence, 4) for (_, below), confidence in confidences.items()}
    numbered = parts(measured, confidences)
    return {i: {"part": numbered[i], "cut_confidence": above.get(i)} for i in measured}


def cut_remarks(slice_id: int, columns: Mapping[str, object], given: StackInput, assembled: Assembled) -> str:
    """What is to be said of a measured slice that nothing supports, or of a cut that no pair crosses."""
    remarks = []
    if columns["cut_confidence"] == 0:
        remarks.append("no trusted pair crosses the cut above")
    alone = assembled.poses[slice_id].source == "prior" and slice_id not in given.skip
    if alone and len(given.measured) > 1:
        remarks.append("no trusted pair supports this slice")
    return "; ".join(remarks)
