"""Warps of planes, and the pixels that a warp pulls from inside the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from soct_core.affine import Affine2D
from soct_core.foreground import Mask

# Tasks run side by side in processes; threads within a warp would only compete.
sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
_EDGE_TOLERANCE = 1e-6


def warp(plane: NDArray[Any], motion: Affine2D, shape: tuple[int, int] | None = None) -> NDArray[Any]:
    """Linear interpolation of a floating plane, (y, x): `out(x) = plane(motion(x))`.

    Pixels pulled from outside the plane hold a value near its edge; `coverage` tells which.
    """
    image = sitk.GetImageFromArray(plane)
    transform = sitk.AffineTransform(
        [value for row in motion.matrix for value in row], motion.translation, motion.center
    )
    size = plane.shape if shape is None else shape
    resampled = sitk.Resample(
        image,
        [int(size[1]), int(size[0])],
        transform,
        sitk.sitkLinear,
        [0.0, 0.0],
        [1.0, 1.0],
        [1.0, 0.0, 0.0, 1.0],
        0.0,
        image.GetPixelID(),
        True,
    )
    return sitk.GetArrayFromImage(resampled)


def coverage(source_shape: tuple[int, int], motion: Affine2D, shape: tuple[int, int] | None = None) -> Mask:
    """Pixels of the output whose source lies within the plane, (y, x)."""
    height, width = source_shape if shape is None else shape
    matrix, offset = motion.yx()
    y = np.arange(height)[:, None]
    x = np.arange(width)[None, :]
    inside = np.ones((height, width), dtype=bool)
    for axis, size in enumerate(source_shape):
        at = matrix[axis, 0] * y + (matrix[axis, 1] * x + offset[axis])
        inside &= (at >= -_EDGE_TOLERANCE) & (at <= size - 1 + _EDGE_TOLERANCE)
    return inside


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
