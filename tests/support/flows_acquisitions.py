"""Volumes with rich texture that barely changes with depth: any misplacement shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SIZE = (40.0, 50.0, 50.0)


def textured_volume(shape: tuple[int, int, int], seed: int = 5) -> NDArray[np.uint16]:
    """A bright textured ellipse in dark surroundings, (z, y, x); texture drifts nowhere."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(shape[0] + 40, *shape[1:])), (12, 3, 3))[20:-20]
    texture = noise / noise.std()
    y, x = (np.linspace(-1, 1, n) for n in shape[1:])
    inside = np.hypot(y[:, None], x[None, :]) < 0.72
    volume = np.where(inside, 3000 + 600 * texture, 150 + 10 * rng.normal(size=shape))
    return np.rint(np.clip(volume, 0, 65_535)).astype(np.uint16)
