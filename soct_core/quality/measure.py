"""What is measured of one slice alone: tissue, intensity, sharpness, stripes, saturation."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from schemas.quality import SliceFigures
from soct_core.arrays import Mask, Plane, Sliceable
from soct_core.planes.measured import blanked, read_measured
from soct_core.quality.planes import LookedAt, tissue_of
from soct_core.registration.working_plane import reduced

_FINE_PX, _COARSE_PX = 1.0, 4.0
"""Sigmas between which detail is coarse; below the first it is fine. Blur takes fine detail first, speckle
that has grown with the spot of the beam too. Chosen by hand."""
_STRIPE_PX = 3.0
"""Rows differ as a whole by anatomy too, but not from one to the next. Chosen by hand."""
_OUTLIER_PERCENTILE = 99.8
"""As on the working grid."""
_DARK_PERCENTILE = 1
"""Stands for darkness: what intensity is counted from. Chosen by hand."""
_LEAST_TISSUE_PX = 50
"""Pixels of the working grid, below which nothing is measured of a plane. Chosen by hand."""
_LEAST_IN_ROW_PX = 10
"""Tissue that a row must show to have a mean. Chosen by hand."""
_LEAST_REST = 0.01
"""Of the variance of detail, that is never put down to stripes. Chosen by hand."""
_TINY = 1e-9


def measure_slice(volume: Sliceable, slice_id: int, looked_at: LookedAt) -> SliceFigures:
    """Measure a slice, (z, y, x); only the planes looked at are read.

    Returns
    -------
    SliceFigures
        Means over the planes; what needs tissue is None if no plane shows any.
    """
    planes = [_measured(volume, z) for z in looked_at.singles]
    known = [found for _, found in planes if found is not None]
    mean: list[float | None] = [None] * 4 if not known else [float(v) for v in np.mean(known, axis=0)]
    return SliceFigures(
        slice_id=slice_id,
        planes=looked_at.singles,
        tissue_fraction=float(np.mean([share for share, _ in planes])),
        log_intensity=mean[0],
        sharpness=mean[1],
        stripes=mean[2],
        saturated=mean[3],
    )


def _measured(volume: Sliceable, z: int) -> tuple[float, tuple[float, float, float, float] | None]:
    raw, where = read_measured(volume, z)
    small = reduced(raw, None, where)
    plane = small.plane()
    found = tissue_of(plane)
    share = float(found.mean())
    if found.sum() < _LEAST_TISSUE_PX:
        return share, None
    image = _stabilised(raw, where)
    size = image.shape[1], image.shape[0]
    tissue = cv2.resize(found.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    seen = small.values[0] if plane.measured is None else small.values[0][plane.measured]
    above_dark = float(np.median(small.values[0][found]) - np.percentile(seen, _DARK_PERCENTILE))
    figures = (
        float(np.log(max(above_dark, _TINY))),
        _sharpness(image, tissue),
        max(_stripes(image, tissue, axis) for axis in (0, 1)),
        _saturated(raw, tissue),
    )
    return share, figures


def _stabilised(raw: NDArray[Any], where: Mask | None) -> Plane:
    """Square roots, which even out the variance of speckle; the brightest 0.2 % are clipped."""
    clean = blanked(raw, where).astype(np.float32)
    image = np.sqrt(clean - min(0.0, float(clean.min())))
    return np.asarray(np.minimum(image, np.percentile(image, _OUTLIER_PERCENTILE)), np.float32)


def _sharpness(image: Plane, tissue: Mask) -> float:
    smooth = cv2.GaussianBlur(image, (0, 0), _FINE_PX)
    fine, coarse = image - smooth, smooth - cv2.GaussianBlur(smooth, (0, 0), _COARSE_PX)
    return float(np.log((np.abs(fine[tissue]).mean() + _TINY) / (np.abs(coarse[tissue]).mean() + _TINY)))


def _stripes(image: Plane, tissue: Mask, axis: int) -> float:
    """How much the means of rows (axis 0) or columns (axis 1) jump, over the detail that is not theirs."""
    count = tissue.sum(axis=1 - axis)
    rows = count >= _LEAST_IN_ROW_PX
    detail = float((image - cv2.GaussianBlur(image, (0, 0), _STRIPE_PX))[tissue].std())
    if rows.sum() < 2 * _STRIPE_PX:
        return float(np.log(_TINY))
    means = (image * tissue).sum(axis=1 - axis)[rows] / count[rows]
    jumps = float(np.mean((means - ndimage.gaussian_filter1d(means, _STRIPE_PX)) ** 2))
    # Without the jumps' own share, or the strongest stripes would be their own excuse.
    rest = max(detail**2 - jumps, _LEAST_REST * detail**2)
    return float(np.log((np.sqrt(jumps) + _TINY) / (np.sqrt(rest) + _TINY)))


def _saturated(raw: NDArray[Any], tissue: Mask) -> float:
    """Pixels at the brightest value as a share of tissue; a single brightest pixel is none."""
    at_most = int((raw == np.nanmax(raw)).sum())
    return min(1.0, (at_most - 1) / float(tissue.sum()))
