"""The voxels that every writer gets, and what it was told of them. Needs numpy alone."""

from __future__ import annotations

import numpy as np

SHAPE = (6, 40, 52)
VOXEL_UM = (20.0, 5.0, 4.0)
ORIGIN_UM = (100.0, 30.0, 8.0)
"""For writers that take one."""
CHUNKS = (3, 16, 16)


def voxels(dtype: str = "uint16") -> np.ndarray:
    """Numbers that no axis can be swapped or turned of without a difference."""
    z, y, x = np.indices(SHAPE)
    return np.asarray(1 + x + 100 * y + 5000 * z, dtype=dtype)
