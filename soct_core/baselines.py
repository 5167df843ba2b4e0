"""The baselines `average` and `weighted`: used only when a user names them, never registered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from schemas.diagnostics import InterpolationDiagnostics
from schemas.settings import InterpolationSettings
from soct_core.arrays import Sliceable
from soct_core.planes.dtypes import to_dtype, to_float
from soct_core.planes.measured import blanked, measured, measured_mean, read_measured
from soct_core.versions import software_versions
from soct_core.volume.views import check_neighbours, padded_to_common_shape

WEIGHTED_SIGMA_Z = 2.0
"""In planes. Named so by the contract (SPEC section 5), which takes it over from earlier pipelines."""


def interpolate_average(
    vol_before: Sliceable, vol_after: Sliceable, output_z: int | None = None
) -> NDArray[Any]:
    """Fill a gap with the plane-wise mean of its two neighbours, without registration.

    Output plane z is the mean of the two planes that lie at the same relative depth of their volumes.

    Parameters
    ----------
    vol_before, vol_after : array-like, (z, y, x)
        Anything that slices like a numpy array, of one real dtype. Smaller planes are padded with
        zeros at the far edges.
    output_z : int, optional
        Planes to make; by default as many as `vol_before` has.

    Returns
    -------
    ndarray, (output_z, y, x)
        Of the dtype of the inputs; rounded where that is an integer type.

    Raises
    ------
    VolumeError
        If a volume is not (z, y, x) or is empty, or dtypes or voxel sizes differ.
    ValueError
        If `output_z` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from soct_core.baselines import interpolate_average
    >>> before, after = np.full((2, 3, 4), 10, np.uint16), np.full((2, 3, 4), 21, np.uint16)
    >>> mean = interpolate_average(before, after, output_z=5)
    >>> mean.shape, mean.dtype, mean[0, 0, 0].item()
    ((5, 3, 4), dtype('uint16'), 16)
    """
    nz_out = vol_before.shape[0] if output_z is None else output_z
    return np.stack([to_dtype(p, np.dtype(vol_before.dtype)) for p in _means(vol_before, vol_after, nz_out)])


def interpolate_weighted(
    vol_before: Sliceable, vol_after: Sliceable, output_z: int | None = None
) -> NDArray[Any]:
    """Fill a gap with the mean of its two neighbours, gaussian-smoothed along z (sigma 2 planes).

    Parameters
    ----------
    vol_before, vol_after : array-like, (z, y, x)
        As of `interpolate_average`.
    output_z : int, optional
        Planes to make; by default as many as `vol_before` has.

    Returns
    -------
    ndarray, (output_z, y, x)
        Of the dtype of the inputs; rounded where that is an integer type.

    Raises
    ------
    VolumeError
        If a volume is not (z, y, x) or is empty, or dtypes or voxel sizes differ.
    ValueError
        If `output_z` is below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from soct_core.baselines import interpolate_weighted
    >>> ramp = np.arange(0, 50, 10, dtype=np.float32).reshape(5, 1, 1)
    >>> [round(v, 1) for v in interpolate_weighted(ramp, ramp).ravel().tolist()]
    [7.7, 13.3, 20.0, 26.7, 32.3]
    """
    nz_out = vol_before.shape[0] if output_z is None else output_z
    means = np.stack(list(_means(vol_before, vol_after, nz_out)))
    smooth = ndimage.gaussian_filter1d(means, WEIGHTED_SIGMA_Z, axis=0, mode="nearest")
    return to_dtype(smooth, np.dtype(vol_before.dtype))


def interpolate_baseline(
    vol_before: Sliceable,
    vol_after: Sliceable,
    settings: InterpolationSettings,
    output_z: int,
    method: Literal["average", "weighted"],
) -> tuple[NDArray[Any], InterpolationDiagnostics]:
    """Run a baseline and describe it as zmorph describes itself."""
    started = time.perf_counter()
    run = interpolate_average if method == "average" else interpolate_weighted
    volume = run(vol_before, vol_after, output_z)
    return volume, InterpolationDiagnostics(
        method=method,
        method_used=method,
        interpolation_failed=False,
        nz_out=output_z,
        settings=settings,
        versions=software_versions(),
        seconds=time.perf_counter() - started,
    )


def _means(vol_before: Sliceable, vol_after: Sliceable, nz_out: int) -> Iterator[NDArray[Any]]:
    check_neighbours(vol_before, vol_after)
    before, after = padded_to_common_shape(vol_before, vol_after, zeros_count=True)
    for z in range(nz_out):
        depths = [_same_depth(z, nz_out, v.shape[0]) for v in (before, after)]
        sides = [read_measured(v, depth) for v, depth in zip((before, after), depths, strict=True)]
        planes, where = zip(*sides, strict=True)
        floats = [to_float(plane) for plane in planes]
        if where[0] is None and where[1] is None:
            yield (floats[0] + floats[1]) / 2
        else:
            every = [np.ones(p.shape, bool) if w is None else w for p, w in zip(planes, where, strict=True)]
            mean = measured_mean(np.stack(floats), np.stack(every))
            yield blanked(mean, measured(mean)).astype(floats[0].dtype)


def _same_depth(z: int, nz_out: int, depth: int) -> int:
    return z if nz_out == depth else round(z * (depth - 1) / max(1, nz_out - 1))
