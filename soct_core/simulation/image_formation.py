"""What the microscope makes of a plane: speckle, attenuation with depth, and uneven tiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]


def speckle(shape: tuple[int, int], looks: float, grain_px: float, rng: np.random.Generator) -> Floats:
    """Multiplicative speckle of mean 1: gamma-distributed intensity of `looks` looks, (y, x).

    A grain of `grain_px` (sigma) correlates neighbours; its variance is restored afterwards.
    """
    field = rng.gamma(looks, 1.0 / looks, shape)
    if grain_px <= 0:
        return field
    smooth = ndimage.gaussian_filter(field, grain_px, mode="wrap")
    spread = float(smooth.std()) or 1.0
    restored = np.clip(1.0 + (smooth - 1.0) / (spread * np.sqrt(looks)), 0.0, None)
    # What was cut off below zero would brighten the mean of few looks.
    return np.asarray(restored / restored.mean())


def attenuation(depth_um: float, length_um: float | None) -> float:
    """Share of the signal that is left at a depth, when it falls to 1/e within `length_um`.

    Source: Lambert and Beer's law.
    """
    return 1.0 if length_um is None else float(np.exp(-depth_um / length_um))


def uneven_tiles(shape: tuple[int, int], side_px: int, unevenness: float, rng: np.random.Generator) -> Floats:
    """Brightness of a mosaic, (y, x), mean near 1: tiles fade towards their rims and differ in gain.

    `unevenness` is the share that is lost in the corner of a tile, and the largest difference in
    gain between tiles.
    """
    y, x = (np.arange(n) for n in shape)
    # Distance from the tile's centre, 1 at the middle of a rim.
    v, u = (np.abs((axis % side_px + 0.5) / side_px * 2 - 1) for axis in (y, x))
    fall = 1.0 - unevenness * (v[:, None] ** 2 + u[None, :] ** 2) / 2
    gains = 1.0 + unevenness / 2 * rng.uniform(-1, 1, (y[-1] // side_px + 1, x[-1] // side_px + 1))
    return np.asarray(fall * gains[np.ix_(y // side_px, x // side_px)])
