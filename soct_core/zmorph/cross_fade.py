"""Cross-fade of two warped planes, weighted by what each of them really covers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from soct_core.arrays import Mask

FEATHER_SIGMA_PX = 8.0
"""In pixels of the slice. Chosen by hand."""
FEATHER_FLOOR = 0.5
"""However far from its tissue, a side keeps this share of its weight: the truth between two outlines is
unknown, so neither may win outright. Measured: less costs up to 0.15 dB on real gaps."""


def feather(tissue: Mask, factor: int = 1) -> NDArray[np.float32]:
    """1 within tissue, falling with the distance to its edge as a gaussian, to a floor.

    `tissue`, (y, x), lies on a grid `factor` times coarser than the pixels that distances are in.
    """
    if not tissue.any():
        return np.ones(tissue.shape, dtype=np.float32)
    distance = ndimage.distance_transform_edt(~tissue) * factor
    gaussian = np.exp(-0.5 * (distance / FEATHER_SIGMA_PX) ** 2)
    return (FEATHER_FLOOR + (1 - FEATHER_FLOOR) * gaussian).astype(np.float32)


def cross_fade(
    alpha: float,
    planes: tuple[NDArray[Any], NDArray[Any]],
    weights: tuple[NDArray[Any], NDArray[Any]],
    background: float,
) -> NDArray[Any]:
    """`(1-a) before + a after`, normalised by the weights; background where both are 0.

    `planes` and `weights` are those of (before, after), (y, x); planes of a float type, weights
    0 outside what a side covers.
    """
    before, after = planes
    kind = before.dtype.type
    w_before = np.multiply(weights[0], kind(1 - alpha), dtype=before.dtype)
    w_after = np.multiply(weights[1], kind(alpha), dtype=before.dtype)
    total = w_before + w_after
    faded: NDArray[Any] = before * w_before + after * w_after
    # In place: planes are large and many.
    np.divide(faded, total, out=faded, where=total > 0)
    faded[total <= 0] = kind(background)
    return faded
