"""Sources of the inner planes: means of as many planes next to the gap as the noise asks.

Noise that is new in every plane makes neighbouring planes as unlike as planes that lie further apart; anatomy
makes those further apart more unlike. How the mean squared difference grows with the distance (the variogram
[1]_) tells the two from each other, and which mean predicts the missing planes best.

References
----------
.. [1] Matheron G (1963). Principles of geostatistics. Economic Geology 58(8), 1246-1266.
   doi:10.2113/gsecongeo.58.8.1246
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.settings import SourceSlab
from soct_core.arrays import Mask, Sliceable
from soct_core.planes.measured import imaged_of

MOST_PLANES = 7
"""More gain little: the noise of seven on each side is a quarter of that of one."""
LEAST_NOISE = 0.25
"""Share of the difference of neighbouring planes that noise must make; below, one plane is the source."""
TRANSITION = 0.1
"""Share of the gap over which the source leads from the raw face to the mean."""
_SAMPLE_PX = 512
"""Side of the window in which noise is measured: as large as a chunk, and enough for a mean."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Source:
    """What the inner planes of one side are led from; all of it, or a box."""

    face: NDArray[Any]
    """The plane at the gap, (y, x), floating; 0 where nothing was measured."""
    face_measured: Mask | None
    mean: NDArray[Any] | None = None
    """Mean of the planes next to the gap; None where one plane is the source."""
    mean_measured: Mask | None = None

    def at(self, away: float) -> tuple[NDArray[Any], Mask | None]:
        """The source of a plane that lies `away` from this side, as a share of the gap, and where it holds.

        The face itself at 0, the mean from a tenth on; between, a smooth step from one to the other.
        """
        if self.mean is None or away <= 0:
            return self.face, self.face_measured
        if away >= TRANSITION:
            return self.mean, self.mean_measured
        share = self.mean.dtype.type(away / TRANSITION)
        share = share * share * (3 - 2 * share)
        mixed = self.face + share * (self.mean - self.face)
        if self.face_measured is not None:
            mixed = np.where(self.face_measured, mixed, self.mean)
        return mixed, self.mean_measured


def source_planes(
    before: Sliceable, after: Sliceable, wanted: SourceSlab, span: float, middle: tuple[float, float]
) -> tuple[int, float]:
    """How many planes to average on each side, and the standard deviation of the noise of one plane.

    Parameters
    ----------
    before, after
        (z, y, x); a window of the nearest planes is read.
    wanted
        The setting `source_slab`.
    span
        From the one face of the gap to the other, in planes.
    middle
        (y, x) of the window's centre, in pixels: amid tissue.
    """
    windows = _sampled(before, middle, above=True), _sampled(after, middle)
    of_before, of_after = map(variogram, windows)
    lags = min(len(of_before), len(of_after))
    differences = (of_before[:lags] + of_after[:lags]) / 2
    noise = noise_variance(differences)
    if wanted == "auto":
        count = best_count(differences, noise, span)
        if count > 1:
            # A variogram takes tissue to be alike at every depth; where it is not, far planes mislead.
            count = min(count, *map(best_of_the_face, windows))
    elif wanted == 0:
        count = 1
    else:
        size = getattr(before, "voxel_size_um", None)
        if size is None:
            raise ValueError(f"source_slab is {wanted} µm, but the volume before has no voxel_size_um")
        count = max(1, round(wanted / size[0]))
    return count, float(np.sqrt(noise))


def variogram(planes: NDArray[Any]) -> Floats:
    """Mean squared difference of planes, (k, y, x), that lie 1, 2 ... planes apart; empty of a single one."""
    lags = range(1, len(planes))
    pairs = 3
    return np.array(
        [
            np.mean([_mean_square(planes[i] - planes[i + lag]) for i in range(min(pairs, len(planes) - lag))])
            for lag in lags
        ],
        dtype=np.float64,
    )


def noise_variance(differences: Floats) -> float:
    """Variance of what is new in every plane: the variogram led straight back to distance 0, halved."""
    if len(differences) < 2:
        return 0.0
    return max(0.0, float(2 * differences[0] - differences[1]) / 2)


def best_count(differences: Floats, noise: float, span: float) -> int:
    """Planes on each side whose mean predicts the middle of the gap best, by the variogram; 1 where clean."""
    if not len(differences) or not differences[0] > 0 or noise < LEAST_NOISE * differences[0]:
        return 1
    most = min(MOST_PLANES, len(differences) + 1)
    return 1 + int(np.argmin([_expected_error(differences, noise, span, k + 1) for k in range(most)]))


def best_of_the_face(planes: NDArray[Any]) -> int:
    """How many planes behind the face have the mean that predicts it best; (k, y, x), the face first."""
    means = np.cumsum(planes[1:], axis=0) / np.arange(1, len(planes))[:, None, None]
    errors = [_mean_square(mean - planes[0]) for mean in means]
    return 1 + int(np.argmin(errors)) if errors else 1


def _expected_error(differences: Floats, noise: float, span: float, count: int) -> float:
    """Of the mean of `count` planes on each side, at the middle of the gap, as kriging has it."""
    lags = np.arange(len(differences) + 1)
    anatomy = np.append(0.0, np.maximum(differences - 2 * noise, 0) / 2)
    slope = max(float(anatomy[-1] - anatomy[1]) / max(1, len(lags) - 2), 0.0)

    def apart(distance: Floats) -> Floats:
        far = np.abs(distance)
        return np.asarray(np.interp(far, lags, anatomy) + slope * np.maximum(far - lags[-1], 0))

    planes = np.arange(count, dtype=np.float64)
    places = np.append(-planes, span + planes)
    between = apart(places[:, None] - places).mean()
    return float(2 * apart(places - span / 2).mean() - between + noise / (2 * count))


def _sampled(volume: Sliceable, middle: tuple[float, float], *, above: bool = False) -> NDArray[np.float32]:
    """A window of the planes nearest the gap, the nearest first, as imaged; 0 where not measured."""
    depth = volume.shape[0]
    count = min(depth, MOST_PLANES + 1)
    window = []
    for centre, size in zip(middle, volume.shape[1:], strict=True):
        start = int(np.clip(round(centre) - _SAMPLE_PX // 2, 0, max(0, size - _SAMPLE_PX)))
        window.append(slice(start, start + _SAMPLE_PX))
    first = depth - count if above else 0
    planes = np.asarray(volume[(slice(first, first + count), *window)]).astype(np.float32)
    planes = planes[::-1] if above else planes
    known = np.asarray(imaged_of(volume)[(slice(first, first + count), *window)])
    there = (np.isfinite(planes) & (known[::-1] if above else known)).all(axis=0)
    return np.where(there, planes, np.float32(0))


def _mean_square(difference: NDArray[np.float32]) -> float:
    return float(np.einsum("ij,ij->", difference, difference, dtype=np.float64)) / max(1, difference.size)
