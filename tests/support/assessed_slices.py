"""Figures of slices and pairs as an assessment would find them, and a phantom to measure."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.quality import PairFigures, QualitySettings, SliceFigures, SliceQuality
from soct_core.quality.planes import pairs_to_compare, surroundings
from soct_core.quality.score import assess
from soct_core.simulation.phantom import Phantom, PhantomVolume

NOTHING: dict[str, Any] = {
    "tissue_fraction": 0.0,
    "log_intensity": None,
    "sharpness": None,
    "stripes": None,
    "saturated": None,
}
"""Figures of a slice without tissue."""


def good(slice_id: int, **changed: Any) -> SliceFigures:
    """A slice of a specimen that grows evenly; some figures changed."""
    figures = {
        "tissue_fraction": 0.3 + 0.01 * slice_id,
        "log_intensity": 6.0 - 0.02 * slice_id,
        "sharpness": -1.2,
        "stripes": -1.5,
        "saturated": 0.001,
    }
    return SliceFigures(slice_id=slice_id, planes=(0, 2, 3), **figures | changed)


def acquisition(
    ids: tuple[int, ...],
    slices: dict[int, dict[str, Any]] | None = None,
    pairs: dict[int, float] | None = None,
) -> tuple[dict[int, SliceFigures], dict[tuple[int, int], PairFigures]]:
    """Figures of all slices and pairs; `slices` changes figures, `pairs` scales likeness, by slice."""
    figures = {i: good(i, **(slices or {}).get(i, {})) for i in ids}
    likeness = {}
    for a, b in pairs_to_compare(ids):
        share = min((pairs or {}).get(a, 1.0), (pairs or {}).get(b, 1.0))
        likeness[a, b] = PairFigures(
            upper_id=a, lower_id=b, likeness=0.95 * 0.9 ** (b - a) * share, overlap=0.98 ** (b - a) * share
        )
    return figures, likeness


def judged(
    figures: dict[int, SliceFigures],
    pairs: dict[tuple[int, int], PairFigures],
    settings: QualitySettings | None = None,
) -> dict[int, SliceQuality]:
    """Every slice judged, each by no more than what its task would be given."""
    ids, found = tuple(sorted(figures)), {}
    for i in ids:
        near = set(surroundings(i, ids))
        found[i] = assess(
            i,
            {j: figures[j] for j in near},
            {pair: each for pair, each in pairs.items() if {*pair} <= near},
            settings or QualitySettings(),
        )
    return found


@cache
def phantom_slice(first: int = 96, planes: int = 4) -> NDArray[np.float32]:
    """A slice from the middle of a phantom brain, (z, y, x), 0 to about 10,000."""
    phantom = PhantomVolume(Phantom.seeded(4), (200, 150, 180), (50.0, 37.0, 37.0))
    data: NDArray[np.float32] = np.stack([phantom[z] for z in range(first, first + planes)]).astype(
        np.float32
    )
    return data
