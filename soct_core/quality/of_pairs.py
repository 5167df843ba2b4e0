"""Quality of slices from the pairs of a reconstruction.

Fewer planes are looked at than in an assessment; they are judged alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from schemas.quality import PairQuality, QualitySettings, SliceFigures, SliceQuality
from soct_core.affine import Affine2D, plane_center
from soct_core.arrays import Sliceable
from soct_core.quality.compare import compare_registered
from soct_core.quality.measure import measure_slice
from soct_core.quality.planes import REACH, LookedAt, surroundings
from soct_core.quality.score import assess
from soct_core.registration.working_plane import RegistrationPlane

UNLIKE_NEIGHBOURS, UNLIKE_ACROSS = 1.5, 1.2
"""Unlikeness (1 - local NCC) as a multiple of what is usual at that distance, from which a cut is unlike the
others: of its two slices, and of both pairs of second neighbours across it. On three real volumes, clean and
speckled, a lost slice makes 1.6 to 20 and 1.35 to 1.95, clean cuts at most 1.4 with 1.1 (two more volumes
change too little with depth to show it). Chosen by hand."""
LEAST_SHARED = 0.9
"""Of the share of tissue that neighbours usually have in common. Where less is in common, the window moved or
tissue is missing, and likeness says nothing of the cut. Chosen by hand."""
_LEAST_OTHERS = 2
"""Pairs at the same distance that must say what is usual."""


class UnlikeCut(NamedTuple):
    """A cut across which slices are less alike than elsewhere."""

    upper_id: int
    lower_id: int
    likeness: float
    usual: float


def pair_quality(
    planes: tuple[RegistrationPlane, RegistrationPlane],
    motion: Affine2D | None,
    ids: tuple[int, int],
    measured: Mapping[int, Sliceable],
    depth: int,
) -> PairQuality:
    """What a registered pair says of the quality of its slices.

    Parameters
    ----------
    planes
        Those that registration compared, of the upper and of the lower slice.
    motion
        `lower(T(x)) ~ upper(x)`, in pixels of the slice; None where registration found none.
    ids
        Of the upper and the lower slice.
    measured
        The slices to measure, by id, (z, y, x); of each the plane at `depth` is read.
    depth
        Plane from the top, the same for all slices of an acquisition: detail and intensity change with it.
    """
    upper, lower = planes
    found = None if motion is None else lower.on_grid(motion).about(plane_center(upper.shape))
    return PairQuality(
        pair=compare_registered(upper, lower, found, ids).figures,
        slices=tuple(
            measure_slice(volume, slice_id, LookedAt(depth, depth, 1))
            for slice_id, volume in measured.items()
        ),
    )


def spoiled_slices(
    found: Sequence[PairQuality], but: Collection[int], settings: QualitySettings
) -> Iterator[SliceQuality]:
    """Slices whose score, from what the pairs of a run measured, is below the limit.

    Parameters
    ----------
    found
        Of all pairs of a run between measured slices.
    but
        Slices that are not judged, as something else explains them.
    """
    figures: dict[int, SliceFigures] = {f.slice_id: f for one in found for f in one.slices}
    pairs = {
        (one.pair.upper_id, one.pair.lower_id): one.pair
        for one in found
        if {one.pair.upper_id, one.pair.lower_id} <= figures.keys()
    }
    ids = tuple(sorted(figures))
    for slice_id in (i for i in ids if i not in but):
        around = surroundings(slice_id, ids)
        among = {key: pair for key, pair in pairs.items() if {*key} <= {*around}}
        judged = assess(slice_id, {i: figures[i] for i in around}, among, settings)
        if judged.below_limit:
            yield judged


def unlike_cuts(found: Sequence[PairQuality], but: Collection[int]) -> Iterator[UnlikeCut]:
    """Cuts across which all pairs are clearly less alike than pairs as far apart beside them.

    A bad slice is unlike on both its sides; here second neighbours across the cut must fall short too, so
    that more seems to be missing between two good slices than the ids say. Cuts at the ends of an acquisition
    have no two such pairs, and are not judged.

    Parameters
    ----------
    found
        Of all pairs of a run between measured slices.
    but
        Slices whose cuts are not judged.
    """
    pairs = {(one.pair.upper_id, one.pair.lower_id): one.pair for one in found}
    unlike = {ids: 1 - pair.likeness for ids, pair in pairs.items()}
    shared = {ids: pair.overlap for ids, pair in pairs.items()}
    for upper, lower in sorted(unlike):
        crossing = [(upper - 1, lower), (upper, lower + 1)]
        if lower - upper != 1 or not {upper, lower}.isdisjoint(but) or not unlike.keys() >= {*crossing}:
            continue
        usual = _usual(unlike, upper, 1)
        across = _usual(unlike, upper, 2)
        overlap = _usual(shared, upper, 1)
        if usual is None or across is None or overlap is None:
            continue
        if shared[upper, lower] < LEAST_SHARED * overlap:
            continue
        own, least = unlike[upper, lower], min(unlike[pair] for pair in crossing)
        if own >= UNLIKE_NEIGHBOURS * usual and least >= UNLIKE_ACROSS * across:
            yield UnlikeCut(upper, lower, 1 - own, 1 - usual)


def _usual(figures: Mapping[tuple[int, int], float], upper: int, distance: int) -> float | None:
    """Median of pairs so far apart near a cut that do not cross it."""
    others = [
        value
        for (above, below), value in figures.items()
        if below - above == distance and abs(above - upper) <= REACH and not above <= upper < below
    ]
    return float(np.median(others)) if len(others) >= _LEAST_OTHERS else None
