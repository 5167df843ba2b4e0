"""A bright disc in noisy agarose: a plane whose tissue is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHAPE = (240, 260)
SEEDS = range(4)


def white(seed: int, sigma: float = 10.0) -> NDArray[np.float32]:
    """Agarose of mean 100 with white noise."""
    return np.random.default_rng(seed).normal(100, sigma, SHAPE).astype(np.float32)


def disc(radius: float = 70.0) -> NDArray[np.bool_]:
    """A disc off the centre of the plane."""
    y, x = np.indices(SHAPE)
    return np.hypot(x - 120, y - 125) < radius


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Overlap of two masks, 1 when they are the same."""
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))
