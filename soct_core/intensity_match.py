"""Intensity matching of a slice to the one above it, over their overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST, MOST = 0.5, 2.0
_MIN_PIXELS = 64


def match_factor(above: NDArray[Any], below: NDArray[Any]) -> float:
    """Factor that brings `below` to the mean of `above`, (y, x), where both have data.

    Clamped to [0.5, 2]; 1 where too few pixels overlap to tell.
    """
    both = (above > 0) & (below > 0)
    if int(both.sum()) < _MIN_PIXELS:
        return 1.0
    ratio = float(above[both].mean(dtype=np.float64)) / float(below[both].mean(dtype=np.float64))
    return float(np.clip(ratio, LEAST, MOST))
