"""The mean intensity of tissue, and how far what was interpolated lets it be from the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soct_core.arrays import Sliceable
from soct_core.volume.provenance import GAP, INTERPOLATED

_READ_PLANES = 16
"""At a time: a layer of chunks of the volume."""


@dataclass(frozen=True)
class TissueMean:
    """Mean over tissue; intensities in the unit of the volume."""

    mean: float
    half_width: float
    """Of the 90 % interval of the mean, for what was interpolated; NaN where that is not known."""
    measured: float
    """Mean over what was measured alone."""
    voxels: int
    interpolated: float
    """Share of the voxels that was interpolated."""


def tissue_mean(
    values: Sliceable,
    labels: Sliceable,
    half_widths: Sliceable | None,
    threshold: float,
    *,
    alike: bool = False,
) -> TissueMean:
    """Mean of all voxels brighter than a threshold, with its interval.

    Errors of the voxels of one gap go together: all may lie on the same side. So their half widths are
    summed, which holds whatever they have in common. Gaps err each for itself: they are added as squares.

    Parameters
    ----------
    values, labels
        A level of the volume and the same of `labels/provenance`, (z, y, x).
    half_widths
        The same level of `stack/uncertainty.ome.zarr`; None where there is none.
    threshold
        In intensity; what is not brighter is no tissue.
    alike
        Whether all gaps err the same way, as where light is lost with depth (the doubt `brightness`): then
        their half widths are summed, too.

    Examples
    --------
    >>> values, labels = np.full((3, 1, 4), 100.0), np.ones((3, 1, 4))
    >>> labels[1] = 2
    >>> half = np.where(labels == 2, 30.0, np.nan)
    >>> tissue_mean(values, labels, half, 50.0)
    TissueMean(mean=100.0, half_width=10.0, measured=100.0, voxels=12, interpolated=0.3333333333333333)
    """
    planes = [
        _sums(values, labels, half_widths, slice(z, z + _READ_PLANES), threshold)
        for z in range(0, values.shape[0], _READ_PLANES)
    ]
    total, known, count, inferred, reach, in_gap = np.concatenate(planes, axis=1)
    everywhere = int(count.sum())
    if not everywhere:
        return TissueMean(float("nan"), float("nan"), float("nan"), 0, 0.0)
    # Planes of one gap follow each other; between two gaps lies a slice.
    gap = np.cumsum(np.diff(in_gap, prepend=0) > 0)
    of_gaps = np.bincount(gap, weights=reach)
    made = float(inferred.sum())
    together = of_gaps.sum() if alike else np.sqrt((of_gaps**2).sum())
    return TissueMean(
        float(total.sum() / everywhere),
        float(together / everywhere),
        float(known.sum() / (everywhere - made)) if made < everywhere else float("nan"),
        everywhere,
        made / everywhere,
    )


def _sums(
    values: Sliceable, labels: Sliceable, half_widths: Sliceable | None, planes: slice, threshold: float
) -> NDArray[np.float64]:
    """Sums over tissue, a column each plane: values, measured ones, voxels, inferred ones, half widths.

    Last, whether anything was interpolated in the plane.
    """
    value, label = np.asarray(values[planes]), np.asarray(labels[planes])
    tissue = (label != GAP) & (value > threshold)
    made = tissue & (label == INTERPOLATED)
    half = np.full(value.shape, np.nan) if half_widths is None else np.asarray(half_widths[planes])
    columns = (
        np.where(tissue, value, 0),
        np.where(tissue & ~made, value, 0),
        tissue,
        made,
        np.where(made, half, 0),
    )
    sums = [column.sum(axis=(1, 2), dtype=np.float64) for column in columns]
    return np.stack([*sums, (label == INTERPOLATED).any(axis=(1, 2))])
