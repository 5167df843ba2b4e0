"""Doubts from the quality of slices: dim, blurred, striped or half gone ones, and cuts unlike the others.

Only proposals: what is excluded is for the user to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from schemas.handoffs import InterpolationOutcome, PairOutcome
from schemas.quality import PairQuality, QualitySettings
from schemas.run_record import Doubt
from schemas.slice_id import format_slice_id
from soct_core.file_names import PAIR_QUALITY
from soct_core.quality.of_pairs import spoiled_slices, unlike_cuts
from soct_core.run.acquisition_doubts import Acquired, named
from soct_core.storage.records import read_record
from soct_core.zmorph.brightness import BRIGHTER

_MOST_REASONS = 2
_PROPOSED_BELOW = 0.4
"""Score below which a slice is named. `benchmarks/mishaps.py --clean 20` names none. Chosen by hand."""


def quality_of(pairs: Sequence[PairOutcome], measured: Collection[int]) -> list[PairQuality]:
    """What the pairs between measured slices say of their quality.

    Raises
    ------
    RecordError
        If a file cannot be read.
    """
    asked = (pair for pair in pairs if {pair.fixed_id, pair.moving_id} <= {*measured})
    return [read_record(pair.directory / PAIR_QUALITY, PairQuality) for pair in asked]


def quality_doubts(
    acquired: Acquired, pairs: Sequence[PairQuality], others: Sequence[Doubt]
) -> Iterator[Doubt]:
    """Slices that look spoiled beside those around them, and cuts that look wider than the others.

    Parameters
    ----------
    pairs
        Of all pairs between measured slices.
    others
        What is doubted already: of slices that these name nothing is added, and nothing at all where the
        order of all slices is in doubt.
    """
    if any(doubt.kind == "order" and not doubt.slices for doubt in others):
        return
    doubted = {slice_id for doubt in others for slice_id in doubt.slices}
    if not any(doubt.kind == "interval" for doubt in others):
        yield from _lost_and_not_counted(pairs, doubted)
    for judged in spoiled_slices(pairs, doubted, QualitySettings(exclude_below=_PROPOSED_BELOW)):
        words, line = acquired.exclusion([judged.slice_id])
        yield Doubt(
            kind="spoiled",
            slices=(judged.slice_id,),
            sentence=f"slice {format_slice_id(judged.slice_id)} looks spoiled: "
            f"{'; '.join(judged.reasons[:_MOST_REASONS])}; it counts as measured",
            remedy=f"look at it (python -m flows.assess shows more); {words}",
            paste=line,
        )


def brightness_doubts(filled: Sequence[InterpolationOutcome]) -> Iterator[Doubt]:
    """Interpolated slices between sides of unlike brightness: nothing says how bright they were where."""
    steps = {one.slice_id: one.brightness_step for one in filled if one.brightness_step is not None}
    brighter = {i: step for i, step in steps.items() if step >= BRIGHTER}
    darker = {i: 1 / step for i, step in steps.items() if step <= 1 / BRIGHTER}
    for times, than in ((brighter, "as bright as"), (darker, "darker than")):
        if not times:
            continue
        yield Doubt(
            kind="brightness",
            slices=tuple(sorted(times)),
            sentence=f"tissue below the interpolated {named(sorted(times))} is {_range(times.values())} "
            f"times {than} above: brightness runs from the one to the other there, and the true one may lie "
            "anywhere between",
            remedy="if signal falls with depth in every slice, compensate the slices for it before; leave "
            "provenance 2 out of intensity statistics",
        )


def _range(values: Collection[float]) -> str:
    low, high = (f"{value:.2g}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _lost_and_not_counted(pairs: Sequence[PairQuality], doubted: Collection[int]) -> Iterator[Doubt]:
    for cut in unlike_cuts(pairs, doubted):
        upper, lower = format_slice_id(cut.upper_id), format_slice_id(cut.lower_id)
        yield Doubt(
            kind="interval",
            slices=(cut.upper_id, cut.lower_id),
            sentence=f"slices {upper} and {lower} are less alike than others one cut apart (local NCC "
            f"{cut.likeness:.2f}, {cut.usual:.2f} usual), and so are the slices beyond: more than one slice "
            "may have been cut off there",
            remedy=f"was a slice lost there and the ids went on? then give the slices from {lower} on ids "
            "greater by 1; what is missing cannot be seen from the images",
        )
