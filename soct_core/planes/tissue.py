"""Tissue, told from agarose and from noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from soct_core.arrays import Mask, Plane

SMOOTHING_PX = 2.0
"""Sigma, in pixels of the working grid. Chosen by hand."""
MIN_CONTRAST_TO_NOISE = 1.2
"""Chosen by hand. Flat agarose reaches 0.24 under white noise, 0.68 under speckle with grains of 0.7 px and
0.87 with grains of 1 px (sigma; 20 planes of 200x240 px each); with grains of 1.5 px it would pass."""
_LAG_PX = 4
"""Longer than a speckle grain. Chosen by hand."""
_BINS = 256
"""By convention, as in scikit-image's `threshold_otsu`."""


def tissue_mask(plane: Plane, measured: Mask | None = None) -> Mask:
    """Pixels of tissue in a variance-stabilised plane, (y, x).

    The smoothed plane is split by Otsu's threshold, over what was measured. The split counts only if the
    two classes lie further apart than the noise of a single pixel: flat agarose, whose smoothed histogram
    has only one narrow mode, has no tissue at all.
    """
    smooth = ndimage.gaussian_filter(plane, SMOOTHING_PX, mode="nearest")
    seen = smooth if measured is None else smooth[measured]
    if not seen.size:
        return np.zeros(plane.shape, dtype=bool)
    mask: Mask = smooth > otsu_threshold(seen)
    if measured is not None:
        mask &= measured
    rest = ~mask if measured is None else measured & ~mask
    if not mask.any() or not rest.any():
        return np.zeros_like(mask)
    contrast = float(smooth[mask].mean() - smooth[rest].mean())
    if contrast <= MIN_CONTRAST_TO_NOISE * noise_level(plane, mask):
        return np.zeros_like(mask)
    return mask


def noise_level(plane: Plane, mask: Mask) -> float:
    """Standard deviation of single pixels within a mask, from differences across 4 pixels in x.

    Robust (median absolute deviation), so that structure counts little. The lag is longer than
    a speckle grain, so that correlated noise is not underestimated.
    """
    pairs = mask[:, _LAG_PX:] & mask[:, :-_LAG_PX]
    differences = np.abs((plane[:, _LAG_PX:] - plane[:, :-_LAG_PX])[pairs])
    # 1.4826 makes a median absolute deviation a standard deviation, for normal noise.
    return 1.4826 * float(np.median(differences)) / np.sqrt(2.0) if differences.size else 0.0


def otsu_threshold(values: NDArray[Any]) -> float:
    """The threshold that best separates two classes by their variance [1]_.

    Values beyond the 99.9th percentile (chosen by hand) count as that percentile, so that single
    bright voxels do not stretch the histogram.

    References
    ----------
    .. [1] Otsu N (1979). A threshold selection method from gray-level histograms. IEEE Transactions on
       Systems, Man, and Cybernetics 9(1), 62-66. doi:10.1109/TSMC.1979.4310076
    """
    low, high = float(values.min()), float(np.percentile(values, 99.9))
    if not high > low:
        return high
    counts, edges = np.histogram(np.minimum(values, high), bins=_BINS, range=(low, high))
    centers = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = counts.sum() - below
    sums = np.cumsum(counts * centers)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = sums[:-1] / below - (sums[-1] - sums[:-1]) / above
    between = np.where((below > 0) & (above > 0), below * above * distance**2, -1.0)
    return float(edges[1:-1][int(np.argmax(between))])
