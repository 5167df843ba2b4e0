"""Tissue of a phantom on a background of exact zeros."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from soct_core.simulation.phantom import Phantom

AGAROSE_BELOW = 0.12
"""The agarose of a phantom is 0.06, its tissue brighter but for ventricles."""


def masked_tissue(
    shape: tuple[int, int, int], seed: int = 3, top_um: float = 0.0, pixel_um: float = 55.0
) -> NDArray[np.float32]:
    """Planes of a phantom, (z, y, x), 20 µm apart, agarose set to exactly 0."""
    phantom = Phantom.seeded(seed)
    y, x = ((np.arange(n) - (n - 1) / 2) * pixel_um for n in shape[1:])
    planes = np.stack([phantom.plane(top_um + 20.0 * k, y, x) for k in range(shape[0])])
    return np.where(planes < AGAROSE_BELOW, 0, planes).astype(np.float32)
