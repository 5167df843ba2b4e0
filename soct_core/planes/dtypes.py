"""From the dtype of a slice to floats that hold its values, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_float(plane: NDArray[Any]) -> NDArray[Any]:
    """The plane in the smallest float type that holds its values well: float32, or float64."""
    wide = plane.dtype.itemsize > 4 or (plane.dtype.kind in "ui" and plane.dtype.itemsize == 4)
    return np.ascontiguousarray(plane, dtype=np.float64 if wide else np.float32)


def to_dtype(plane: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Back to the input's dtype: rounded and clipped for integers."""
    if dtype.kind == "f" or plane.dtype == dtype:
        return plane.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    # The largest float below 2**64 is what an unclipped cast can still hold.
    top = np.nextafter(float(limits.max), 0) if limits.max > 2**53 else float(limits.max)
    rounded = np.clip(np.rint(plane), float(limits.min), top)
    return np.asarray(rounded, dtype=dtype)
