"""The baselines `average` and `weighted`: used only when a user names them, never registered."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from schemas.diagnostics import InterpolationDiagnostics
from schemas.settings import InterpolationSettings
from schemas.stack_plan import Block
from soct_core.arrays import Mask, Sliceable
from soct_core.planes.dtypes import to_dtype, to_float
from soct_core.planes.measured import blanked, imaged_of, measured, measured_mean
from soct_core.versions import software_versions
from soct_core.volume.views import check_neighbours, padded_to_common_shape

WEIGHTED_SIGMA_Z = 2.0
"""In planes. Named so by the contract (SPEC section 5), which takes it over from earlier pipelines."""
_Seen = tuple[NDArray[Any], Mask | None]
"""A plane, and what was measured of it; None: all."""
_MOST_SPREAD = 4
"""Planes from one wanted plane to the next from which they are read one by one. By hand."""
_TRUNCATE = 4.0
"""Of the gaussian, in sigmas: what scipy takes by default."""


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
    return Baseline(vol_before, vol_after, output_z).whole()


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
    return Baseline(vol_before, vol_after, output_z, WEIGHTED_SIGMA_Z).whole()


class Baseline:
    """A gap filled without registration, box by box: a box reads its window of the two sides, and no more.

    Parameters
    ----------
    vol_before, vol_after, output_z
        As of `interpolate_average`.
    sigma_z
        Of the smoothing along z, in planes.

    Raises
    ------
    VolumeError
        If a volume is not (z, y, x) or is empty, or dtypes or voxel sizes differ.
    ValueError
        If `output_z` is below 1.
    """

    def __init__(
        self, vol_before: Sliceable, vol_after: Sliceable, output_z: int | None = None, sigma_z: float = 0.0
    ) -> None:
        check_neighbours(vol_before, vol_after)
        self._sides = padded_to_common_shape(vol_before, vol_after, zeros_count=True)
        self._imaged = tuple(imaged_of(side) for side in self._sides)
        self._dtype = np.dtype(vol_before.dtype)
        self._nz_out = vol_before.shape[0] if output_z is None else output_z
        if self._nz_out < 1:
            raise ValueError(f"output_z is {self._nz_out}, wanted 1 at least")
        self._sigma = sigma_z

    def whole(self) -> NDArray[Any]:
        """All of it, (z, y, x)."""
        _, height, width = self._sides[0].shape
        return self.voxels(Block(first=(0, 0, 0), end=(self._nz_out, height, width)))

    def voxels(self, box: Block) -> NDArray[Any]:
        """A box of it, (z, y, x), of the dtype of the inputs."""
        (top, *first), (bottom, *end) = box.first, box.end
        window = slice(first[0], end[0]), slice(first[1], end[1])
        reach = math.ceil(_TRUNCATE * self._sigma)
        low, high = max(0, top - reach), min(self._nz_out, bottom + reach)
        sides = [self._slab(which, (low, high), window) for which in (0, 1)]
        means = np.stack([_mean(*planes) for planes in zip(*sides, strict=True)])
        if self._sigma:
            means = ndimage.gaussian_filter1d(means, self._sigma, axis=0, mode="nearest", truncate=_TRUNCATE)
        return to_dtype(means[top - low : bottom - low], self._dtype)

    def _slab(self, which: int, depths: tuple[int, int], window: tuple[slice, slice]) -> list[_Seen]:
        """The planes of one side that planes of the gap are the mean of, and what was measured of each."""
        side, imaged = self._sides[which], self._imaged[which]
        wanted = [_same_depth(z, self._nz_out, side.shape[0]) for z in range(*depths)]
        # In one piece, as a chunk is many planes; but not the planes between, where few of many are wanted.
        apart = wanted[-1] - wanted[0] >= _MOST_SPREAD * len(wanted)
        pieces = [(z, z + 1) for z in sorted(set(wanted))] if apart else [(wanted[0], wanted[-1] + 1)]
        seen: dict[int, _Seen] = {}
        for low, high in pieces:
            place = (slice(low, high), *window)
            planes, there = np.asarray(side[place]), np.asarray(imaged[place])
            seen |= {low + z: (planes[z], measured(planes[z], there[z])) for z in range(high - low)}
        return [seen[z] for z in wanted]


def _mean(before: _Seen, after: _Seen) -> NDArray[Any]:
    """Mean of what was measured of two planes."""
    (one, known), (other, also) = before, after
    floats = to_float(one), to_float(other)
    if known is None and also is None:
        mean: NDArray[Any] = (floats[0] + floats[1]) / 2
        return mean
    every = [np.ones(one.shape, bool) if where is None else where for where in (known, also)]
    mean = measured_mean(np.stack(floats), np.stack(every))
    return blanked(mean, measured(mean)).astype(floats[0].dtype)


def baseline_diagnostics(
    settings: InterpolationSettings, output_z: int, method: Literal["average", "weighted"], seconds: float
) -> InterpolationDiagnostics:
    """What a baseline says of itself, in the words of zmorph."""
    return InterpolationDiagnostics(
        method=method,
        method_used=method,
        interpolation_failed=False,
        nz_out=output_z,
        settings=settings,
        versions=software_versions(),
        seconds=seconds,
    )


def _same_depth(z: int, nz_out: int, depth: int) -> int:
    return z if nz_out == depth else round(z * (depth - 1) / max(1, nz_out - 1))
