"""How an image is to be shown at first sight: a window of grey values from its tissue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from soct_core.planes.tissue import otsu_threshold

_BLACK, _WHITE = 1.0, 99.8
"""Percentiles: of all that is not 0, and of tissue. Chosen by eye."""
_MOST_VOXELS = 2**22
"""Looked at. A hundred voxels a side are a quarter of it."""


@dataclass(frozen=True)
class Display:
    """A window of grey values and the plane to begin with."""

    start: float
    """Black."""
    end: float
    """White."""
    least: float
    most: float
    plane: int = 0


def display_of(coarsest: zarr.Array[Any], planes: int) -> Display:
    """The window of an image of `planes` planes, from its coarsest level.

    Tissue is what lies above Otsu's threshold among all that is not the fill value, 0 as a rule.
    """
    step = max(1, -(-int(np.prod(coarsest.shape)) // _MOST_VOXELS))
    values = np.concatenate([np.ravel(coarsest[z]) for z in range(0, coarsest.shape[0], step)])
    nothing = coarsest.fill_value or 0
    return _window(values[np.isfinite(values) & (values != nothing)].astype(np.float64), planes // 2)


def _window(values: NDArray[np.float64], plane: int) -> Display:
    if not values.size:
        return Display(0.0, 1.0, 0.0, 1.0, plane)
    tissue = values[values >= otsu_threshold(values)]
    black, white = float(np.percentile(values, _BLACK)), float(np.percentile(tissue, _WHITE))
    white = white if white > black else black + (abs(black) or 1.0)
    return Display(black, white, min(float(values.min()), 0.0), max(float(values.max()), white), plane)
