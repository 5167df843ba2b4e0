"""Outlines of tissue, as polygons in pixels of a picture."""

from __future__ import annotations

import contourpy
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from schemas.reportlets import Polygon
from soct_core.arrays import Mask

# All chosen by eye.
_SMOOTHING_PX = 1.5
_LEAST_SHARE = 0.01
"""Smallest island that is drawn, as a share of the plane: smaller ones are noise to the eye."""
_TOLERANCE_PX = 0.75
_MOST_POLYGONS = 6


def outlines(mask: Mask, scale: float = 1.0) -> tuple[Polygon, ...]:
    """The borders of a mask, (y, x), the longest first; coordinates are multiplied by `scale`."""
    if not mask.any() or mask.all():
        return ()
    soft = ndimage.gaussian_filter(np.pad(mask, 1).astype(np.float32), _SMOOTHING_PX)
    # Corners in pixel edges, as SVG counts: the centre of pixel 0 lies at 0.5, less the padding.
    found: list[NDArray[np.float64]] = [
        (np.asarray(line) - 0.5) * scale for line in contourpy.contour_generator(z=soft).lines(0.5)
    ]
    least = _LEAST_SHARE * mask.size * scale**2
    large = [line for line in found if abs(_area(line)) >= least]
    large.sort(key=lambda line: -abs(_area(line)))
    return tuple(_polygon(_simplified(line)) for line in large[:_MOST_POLYGONS])


def _area(line: NDArray[np.float64]) -> float:
    x, y = line[:, 0], line[:, 1]
    return float(0.5 * (x @ np.roll(y, 1) - y @ np.roll(x, 1)))


def _simplified(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """The line without corners that stray less than the tolerance from the rest [1]_.

    References
    ----------
    .. [1] Douglas DH, Peucker TK (1973). Algorithms for the reduction of the number of points required to
       represent a digitized line or its caricature. Cartographica 10(2), 112-122.
       doi:10.3138/FM57-6770-U75U-7727
    """
    keep = np.zeros(len(line), dtype=bool)
    keep[[0, -1]] = True
    spans = [(0, len(line) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        chord, inner = line[last] - line[first], line[first + 1 : last] - line[first]
        length = float(np.hypot(*chord))
        stray = (
            np.abs(inner[:, 0] * chord[1] - inner[:, 1] * chord[0]) / length
            if length > 0
            else np.hypot(inner[:, 0], inner[:, 1])
        )
        worst = int(np.argmax(stray))
        if stray[worst] > _TOLERANCE_PX:
            middle = first + 1 + worst
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return line[keep]


def _polygon(line: NDArray[np.float64]) -> Polygon:
    return tuple((round(float(x), 1), round(float(y), 1)) for x, y in line)
