"""Voxels of small slices: noise, noise without zeros, one value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.affine import plane_center

Array = NDArray[Any]
SHAPE = (40, 50)
CENTER = plane_center(SHAPE)
DEPTH = 6
"""Planes of a slot."""


def noise(shape: tuple[int, int, int], dtype: str = "u2", seed: int = 0) -> Array:
    """Noise over the whole range of a dtype, so that any detour through another one shows."""
    rng = np.random.default_rng(seed)
    if dtype[0] == "f":
        return rng.normal(0, 1e3, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def positive(shape: tuple[int, int, int], seed: int = 0) -> Array:
    """Noise without a single 0, which would be padding."""
    return np.random.default_rng(seed).integers(1, 60_000, shape).astype(np.uint16)


def constant(value: float, planes: int, dtype: str = "f4") -> Array:
    """A slice of one value."""
    return np.full((planes, *SHAPE), value, dtype)
