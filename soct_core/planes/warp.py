"""Warps of planes, and the pixels that a warp pulls from inside the plane."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from soct_core.affine import Affine2D
from soct_core.arrays import Mask

# Tasks run side by side in processes; threads within a warp would only compete.
cv2.setNumThreads(1)
EDGE_TOLERANCE = 1e-6
"""In pixels. Chosen by hand: rounding of coordinates must not cost a row at the edge."""

_PLACE_TOLERANCE = 0.01
"""The same, of places held in single precision."""
Places = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Where each pixel of a plane, (y, x), pulls from: x, and y, in pixels."""
Box = tuple[slice, slice]
"""Rows and columns of a plane."""
_MARGIN = 2
"""Pixels around what a warp pulls from: one for the interpolation, one for the rounding of coordinates."""


def warp(plane: NDArray[Any], motion: Affine2D, shape: tuple[int, int] | None = None) -> NDArray[Any]:
    """Linear interpolation of a floating plane, (y, x): `out(x) = plane(motion(x))`.

    Pixels pulled from outside the plane hold a value near its edge; `coverage` tells which.
    """
    height, width = plane.shape if shape is None else shape
    matrix, offset = motion.yx()
    if plane.dtype != np.float32:
        # OpenCV rounds the coordinates of wider floats to 1/32 of a pixel.
        pulled: NDArray[Any] = ndimage.affine_transform(
            plane, matrix, offset, (height, width), order=1, mode="nearest"
        )
        return pulled
    pull = np.column_stack((matrix[::-1, ::-1], offset[::-1]))
    return cv2.warpAffine(
        np.ascontiguousarray(plane),
        pull,
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )


def warp_measured(
    plane: NDArray[Any], where: Mask, motion: Affine2D, shape: tuple[int, int] | None = None
) -> tuple[NDArray[Any], Mask]:
    """Like `warp` and `coverage`, from the pixels of `where` alone; the plane is 0 elsewhere.

    An output pixel is covered if pixels that were measured make up most of its weight.
    """
    values = warp(plane, motion, shape)
    share = warp(where.astype(plane.dtype), motion, shape)
    covered = coverage((plane.shape[0], plane.shape[1]), motion, shape) & (share > 0.5)
    np.divide(values, share, out=values, where=covered & (share < 1 - EDGE_TOLERANCE))
    return values, covered


def warp_by(plane: NDArray[Any], places: Places) -> NDArray[Any]:
    """Linear interpolation of a floating plane, (y, x), at places.

    Places beside the plane hold a value near its edge; `covered_by` tells which.
    """
    x, y = places
    if plane.dtype != np.float32:
        pulled: NDArray[Any] = ndimage.map_coordinates(plane, np.stack((y, x)), order=1, mode="nearest")
        return pulled
    return cv2.remap(np.ascontiguousarray(plane), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def covered_by(
    source_shape: tuple[int, int], places: Places, first: tuple[int, int], nodes: Places
) -> Mask | None:
    """Which places, counted from pixel `first`, (y, x), lie within the plane, (y, x); None: all.

    The places lie between nodes, which are counted from its pixel (0, 0): these tell which edges are near.
    """
    inside: Mask | None = None
    for at, of, size, start in zip(places, nodes, source_shape[::-1], first[::-1], strict=True):
        least, most = -_PLACE_TOLERANCE - start, size - 1 + _PLACE_TOLERANCE - start
        if of.min() < 0:
            inside = at >= least if inside is None else np.logical_and(inside, at >= least, out=inside)
        if of.max() > size - 1:
            inside = at <= most if inside is None else np.logical_and(inside, at <= most, out=inside)
    return inside


def coverage_of(source_shape: tuple[int, int], motion: Affine2D, shape: tuple[int, int]) -> Mask | None:
    """As `coverage`; None where all of a box is covered, which its corners tell."""
    height, width = source_shape
    x, y = motion.apply(corners(shape)).T
    inside = (x >= -EDGE_TOLERANCE) & (x <= width - 1 + EDGE_TOLERANCE)
    inside &= (y >= -EDGE_TOLERANCE) & (y <= height - 1 + EDGE_TOLERANCE)
    return None if inside.all() else coverage(source_shape, motion, shape)


def corners(shape: tuple[int, int]) -> NDArray[np.float64]:
    """The outermost pixels of a plane or box, (4, 2), (x, y)."""
    height, width = shape
    return np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]], dtype=np.float64)


def box_around(places: tuple[NDArray[Any], NDArray[Any]], source_shape: tuple[int, int]) -> Box:
    """The box of a plane that places, x and y, pull from, with a margin.

    Places beside the plane pull from its edge, so that the box is never empty.
    """
    parts = []
    for at, size in zip(places[::-1], source_shape, strict=True):
        low = min(max(math.floor(at.min()) - _MARGIN, 0), size - 1)
        parts.append(slice(low, min(max(math.ceil(at.max()) + 1 + _MARGIN, low + 1), size)))
    return parts[0], parts[1]


def coverage(source_shape: tuple[int, int], motion: Affine2D, shape: tuple[int, int] | None = None) -> Mask:
    """Pixels of the output whose source lies within the plane, (y, x)."""
    height, width = source_shape if shape is None else shape
    matrix, offset = motion.yx()
    y, x = np.arange(height), np.arange(width)
    # In every row the pixels inside are those between two bounds, for each axis of the source.
    first, last = np.zeros(height), np.full(height, width - 1.0)
    for (down, right), start, size in zip(matrix, offset, source_shape, strict=True):
        least = -EDGE_TOLERANCE - start - down * y
        most = least + size - 1 + 2 * EDGE_TOLERANCE
        if abs(right) * width < EDGE_TOLERANCE:
            last[(least > 0) | (most < 0)] = -1.0
            continue
        ends = least / right, most / right
        first = np.maximum(first, np.minimum(*ends))
        last = np.minimum(last, np.maximum(*ends))
    inside: Mask = (x >= first[:, None]) & (x <= last[:, None])
    return inside
