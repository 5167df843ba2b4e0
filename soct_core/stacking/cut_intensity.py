"""Intensity across a cut: how much brighter tissue is above it than below, told from both registered faces.

Where slices overlap, the two faces are planes of one depth. Elsewhere the trend within each slice, over the
same tissue, is extrapolated to the middle between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from soct_core.arrays import Mask, Plane, Zyx
from soct_core.planes.warp import coverage, warp
from soct_core.registration.reduced_reading import read_reduced
from soct_core.registration.working_plane import RegistrationPlane, working_factor
from soct_core.stacking.canvas import Canvas
from soct_core.stacking.placed_slice import PlacedSlice

FACE_UM = 100.0
"""Depth of a face. Chosen by hand: in OCT some planes even out speckle; 60 and 150 µm measured alike."""
_MOST_FACE_PLANES = 8
"""Planes of a face: as many as are read at once. Chosen by hand."""
_SMOOTHING_PX = 2.0
"""Sigma, in pixels of the working grid. Chosen by hand: speckle and a residual misfit of a pixel."""
_LEAST_SHARE, _LEAST_PIXELS = 0.5, 64
"""Tissue in common, as a share of the greater tissue and in pixels of the working grid. Chosen by hand: at
the ends of an object, where it is less, tissue itself gets brighter or darker."""


@dataclass(frozen=True)
class CutIntensity:
    """What was seen of one cut."""

    upper_id: int
    lower_id: int
    log_ratio: float
    """Logarithm of intensity above over below, extrapolated to one depth."""
    spread: float
    """Standard deviation of that logarithm over the tissue: what anatomy and noise do across the cut."""
    share: float
    """Tissue in common, as a share of the greater tissue."""
    trend: float
    """Change of the logarithm with depth within the two slices, per plane."""
    distance: float
    """Depth between the two faces, in planes."""
    step: float
    """Depth from top to top, in planes."""


@dataclass(frozen=True, eq=False)
class _Face:
    """The mean of some planes of a slice on the working grid of the canvas."""

    log: Plane
    """Logarithm of the smoothed intensities."""
    tissue: Mask
    data: Mask
    """Where the logarithm is known."""
    depth: float
    """Middle of its planes, in planes of the volume."""


def measured_cuts(
    placed_slices: Sequence[PlacedSlice],
    canvas: Canvas,
    voxel_size_um: Zyx,
    wanted: Sequence[tuple[int, int]],
) -> Iterator[CutIntensity | tuple[int, int]]:
    """What the cuts between consecutive measured slices show; only a few planes of each are read.

    Parameters
    ----------
    placed_slices
        In z order; interpolated ones are passed over.
    wanted
        Cuts to look at, by the ids of the slices above and below.

    Yields
    ------
    CutIntensity or (int, int)
        The ids alone where the two slices have too little tissue in common to tell.
    """
    factor = working_factor(canvas.shape)
    thick = max(1, min(_MOST_FACE_PLANES, round(FACE_UM / voxel_size_um[0])))
    measured = [placed for placed in placed_slices if placed.state == "measured"]
    for upper, lower in pairwise(measured):
        ids = upper.slice_id, lower.slice_id
        if ids in wanted:
            yield _cut(_Faces(upper, canvas, factor, thick), _Faces(lower, canvas, factor, thick)) or ids


class _Faces:
    """The faces of a slice: planes at given depths, on the working grid of the canvas."""

    def __init__(self, placed: PlacedSlice, canvas: Canvas, factor: int, thick: int) -> None:
        self.placed = placed
        self._factor = factor
        self._motion = canvas.to_slice(placed.to_pixels(placed.pose)).scaled(1 / factor)
        self._shape = canvas.shape[0] // factor, canvas.shape[1] // factor
        self.thick = min(thick, max(1, placed.volume.shape[0] // 2))

    @property
    def planes(self) -> int:
        return self.placed.volume.shape[0]

    def at(self, first: int, last: int) -> _Face:
        """The face made of its planes from `first` to `last`, which is left out."""
        planes = slice(first, last)
        small = read_reduced(self.placed.volume, planes, self._factor)
        mean: RegistrationPlane = small.plane()
        # Intensities, not their square roots; the mean of what was measured.
        where = np.ones(small.values.shape, bool) if small.measured is None else small.measured
        counts = where.sum(axis=0)
        values = np.where(where, small.values, 0).sum(axis=0) / np.maximum(counts, 1)
        inside = mean.tissue.astype(np.float32)
        seen = warp(inside, self._motion, self._shape) > 0.5
        # Without tissue there may still be data, which tell where both slices show one depth.
        known = inside if inside.any() else (counts > 0).astype(np.float32)
        moved = warp(_smoothed(values, known), self._motion, self._shape)
        data = coverage(mean.shape, self._motion, self._shape) & (moved > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return _Face(np.log(moved), seen & data, data, self.placed.top + (first + last - 1) / 2)


def _smoothed(values: NDArray[np.float64], inside: Plane) -> Plane:
    """Intensities smoothed over tissue alone: what lies beside it must not darken its rim."""
    total, share = (
        ndimage.gaussian_filter(part, _SMOOTHING_PX, mode="nearest")
        for part in ((values * inside).astype(np.float32), inside)
    )
    return np.asarray(total / np.maximum(share, np.finfo(np.float32).tiny), np.float32)


def _cut(above: _Faces, below: _Faces) -> CutIntensity | None:
    """Both faces compared where both show tissue, and the trends over that same tissue."""
    upper, lower = above.placed, below.placed
    overlap = upper.top + above.planes - lower.top
    if overlap > 0:
        thick = min(overlap, below.thick)
        first = lower.top - upper.top
        face, other = above.at(first, first + thick), below.at(0, thick)
    else:
        face, other = above.at(above.planes - above.thick, above.planes), below.at(0, below.thick)
    shared = face.tissue & other.tissue
    if overlap > 0 and not (face.tissue.any() and other.tissue.any()):
        shared = face.data & other.data
    greater = max(int(face.tissue.sum()), int(other.tissue.sum()), 1)
    share = min(1.0, float(shared.sum()) / greater)
    if shared.sum() < _LEAST_PIXELS or share < _LEAST_SHARE:
        return None
    ratios = face.log[shared] - other.log[shared]
    ratio = float(np.median(ratios))
    trends = [_trend(above, face, shared), _trend(below, other, shared)]
    trend = float(np.mean([t for t in trends if t is not None] or [0.0]))
    distance = other.depth - face.depth
    return CutIntensity(
        upper.slice_id,
        lower.slice_id,
        ratio + trend * distance,
        # 1.4826 makes a median absolute deviation a standard deviation, for normal noise.
        1.4826 * float(np.median(np.abs(ratios - ratio))),
        share,
        trend,
        distance,
        float(lower.top - upper.top),
    )


def _trend(faces: _Faces, face: _Face, shared: Mask) -> float | None:
    """Change of the logarithm per plane from a face to the far side of its slice, over the same tissue."""
    at_top = face.depth - faces.placed.top < faces.planes / 2
    first = faces.planes - faces.thick if at_top else 0
    far = faces.at(first, first + faces.thick)
    both = shared & far.tissue
    apart = far.depth - face.depth
    if abs(apart) < 1 or both.sum() < _LEAST_PIXELS:
        return None
    return float(np.median(far.log[both] - face.log[both])) / apart
