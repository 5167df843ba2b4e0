"""Stripes: rows and columns that are dark or bright through all planes of a slice.

Vessels and bubbles throw shadows, mosaics have seams, detectors have dead columns. All stay where they are
while tissue moves, and would hold a registration in place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from soct_core.arrays import Mask, Plane
from soct_core.planes.tissue import tissue_mask

STRIPE_SHARE = 0.24
"""Sigma, as a share of the shorter side, of what is too wide to be a stripe. Chosen on gaps of five volumes
beneath shadows: of those worth filling 0.12 fills 76 %, 0.24 81 %, no removal 58 %."""
LEAST_DEPTH = 0.2
"""In natural logarithms, of a row or column that counts as a stripe; it must also stand out from chance. What
is subtler is anatomy as often as not: evening it out turned a motion of 3 degrees into 2."""
_SURE = 3.0
_RIM_PX = 4
"""Pixels of the working grid at the rim of tissue that do not count: the rim itself is dark. By hand."""
_LEAST_LENGTH = 0.25
"""Of the tissue in the fullest row or column: less tissue does not tell a stripe from anatomy. By hand."""
_GRAIN_PX = 12
"""Length along which texture of tissue says one thing. By hand."""
_FLOOR = 1e-3
"""Of the bright end: darker counts as so much, as the logarithm of 0 says nothing. By hand."""


def without_stripes(planes: NDArray[np.float32], where: Mask | None = None) -> NDArray[np.float32]:
    """Even out rows and columns of tissue that are darker or brighter than their surroundings.

    The light of each row and column is the median, over tissue, of what the logarithm of the mean plane has
    more than its smoothed surroundings; where it is far more than texture makes by chance, all planes are
    divided by it.

    Parameters
    ----------
    planes
        (k, y, x), intensities of one slice as imaged; 0 where nothing was measured.
    where
        What was measured, of the same shape; None means all.

    Returns
    -------
    Planes of the same shape. They serve registration and likeness only, and are never written.

    Examples
    --------
    >>> y, x = np.mgrid[-1:1:100j, -1:1:100j]
    >>> tissue = (20 + 1000 * (np.hypot(y, x) < 0.8)).astype(np.float32)
    >>> shadow = np.where(abs(np.arange(100) - 40) < 3, 0.5, 1.0).astype(np.float32)
    >>> even = without_stripes((tissue * shadow)[None])[0]
    >>> bool(even[50, 40] > 0.85 * even[50, 60])
    True
    """
    mean = planes.mean(axis=0, dtype=np.float64)
    darkest = min(0.0, float(planes.min(initial=0.0)))
    mean -= darkest
    bright = float(np.percentile(mean, 99)) or float(mean.max())
    if not bright > 0:
        return planes
    seen: Mask | None = None if where is None else np.all(where, axis=0)
    tissue = tissue_mask(np.sqrt(mean).astype(np.float32), seen)
    tissue = ndimage.binary_erosion(tissue, iterations=_RIM_PX)
    if not tissue.any():
        return planes
    light = _light(np.log(np.maximum(mean, _FLOOR * bright)), tissue)
    evened = (planes - np.float32(darkest)) / np.exp(light).astype(np.float32) + np.float32(darkest)
    return np.asarray(evened if where is None else np.where(where, evened, planes), dtype=np.float32)


def _light(log_plane: Plane, tissue: Mask) -> NDArray[np.float64]:
    """Logarithm of the light of rows and columns, (y, x); 0 where there are no stripes."""
    weight = tissue.astype(np.float64)
    sigma = STRIPE_SHARE * min(tissue.shape)
    found = np.zeros(tissue.shape)
    for axis in (0, 1):
        along = 1 - axis
        rest = log_plane - found
        near = ndimage.gaussian_filter1d(weight, sigma, axis=along, mode="nearest")
        smooth = ndimage.gaussian_filter1d(rest * weight, sigma, axis=along, mode="nearest")
        sharp = np.where(tissue, rest - smooth / np.maximum(near, 1e-9), np.nan)
        length = tissue.sum(axis=axis)
        # Of lines without tissue the median warns, and tasks run in threads, where no warning can be caught.
        told = length > 0
        seen = np.compress(told, sharp, axis=along)
        line, spread = np.zeros(length.size), np.zeros(length.size)
        line[told] = np.nanmedian(seen, axis=axis)
        seen = np.abs(seen - np.expand_dims(line[told], axis))
        spread[told] = 1.4826 * np.nanmedian(seen, axis=axis)
        chance = spread / np.sqrt(np.maximum(length, 1) / _GRAIN_PX)
        sure = (np.abs(line) > np.maximum(_SURE * chance, LEAST_DEPTH)) & (
            length >= _LEAST_LENGTH * length.max()
        )
        line = np.where(sure, line, 0.0)
        found += np.expand_dims(line, axis)
    return found
