"""Decoys: what lies below the gap is not what should. They have no truth, and must be refused."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.float64]

DECOYS = (
    "1.5 mm apart",
    "mirrored",
    "turned",
    "blank",
    "agarose",
    "saturated",
    "half out of view",
    "mirrored upside down",
    "other specimen",
)
FAR_UM = 1500.0
FAR_PLANES = 8
"""Of the reference, at least: 1.5 mm of coarse voxels can be the next plane but one."""


def decoyed(
    name: str,
    after: Planes,
    far: Callable[[], Planes],
    other: Callable[[], Planes],
    rng: np.random.Generator,
) -> Planes:
    """Planes, (k, y, x), that lie where `after` should.

    Parameters
    ----------
    far, other
        Make planes of the same volume far off, and a plane of another specimen.
    """
    agarose = float(np.percentile(after, 2))
    if name == "1.5 mm apart":
        return far()
    if name == "other specimen":
        return np.stack([fitted(other(), after.shape[1:])] * len(after))
    flips = {"mirrored": (2,), "mirrored upside down": (1,), "turned": (1, 2)}
    if name in flips:
        return np.flip(after, flips[name]).copy()
    if name == "blank":
        return np.full_like(after, agarose)
    if name == "agarose":
        return np.clip(rng.normal(agarose + 60, 12, after.shape), 0, None)
    if name == "saturated":
        return np.full_like(after, 65_535.0)
    half = np.full_like(after, agarose)
    width = after.shape[2] // 2
    half[:, :, :width] = after[:, :, width : 2 * width]
    return half


def fitted(plane: Planes, shape: tuple[int, ...]) -> Planes:
    """A plane resampled to a shape (y, x)."""
    sized = cv2.resize(plane, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(sized, dtype=np.float64)
