"""Boundary planes: the pair of planes, one on each side of a gap, that resemble each other best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.foreground import Plane
from soct_core.likeness import ncc
from soct_core.phase_correlation import coarse_shift
from soct_core.registration_plane import RegistrationPlane, registration_plane
from soct_core.volume import Sliceable
from soct_core.warp import coverage, warp


@dataclass(frozen=True)
class OverlapPlanes:
    """The boundary plane pair: indices into the two volumes, and their likeness."""

    ref_before: int
    ref_after: int
    ncc: float
    """Over the central half of the plane, after a coarse shift; in [-1, 1]."""


def find_best_overlap_planes(
    vol_before: Sliceable, vol_after: Sliceable, settings: InterpolationSettings
) -> OverlapPlanes | None:
    """The pair with the best NCC among planes near the gap that show tissue.

    Parameters
    ----------
    vol_before, vol_after
        Volumes, (z, y, x), of the same plane shape; only `overlap_search_window` planes of
        each are read. Ties go to the pair nearest the gap.

    Returns
    -------
    OverlapPlanes or None
        None when no pair passes `min_foreground_fraction`.
    """
    window = settings.overlap_search_window
    depth = vol_before.shape[0]
    before = _candidates(vol_before, range(depth - 1, max(-1, depth - 1 - window), -1), settings)
    after = _candidates(vol_after, range(min(window, vol_after.shape[0])), settings)
    if not before or not after:
        return None
    # Drift is the same for all pairs, so the pair nearest the gap speaks for it.
    shift = coarse_shift(after[0][1], before[0][1])
    best: OverlapPlanes | None = None
    for index_before, plane_before in before:
        moved = warp(plane_before.coarse, shift, after[0][1].shape)
        inside = coverage(plane_before.shape, shift, after[0][1].shape)
        for index_after, plane_after in after:
            likeness = central_ncc(plane_after, moved, plane_before, shift, inside)
            if best is None or likeness > best.ncc:
                best = OverlapPlanes(index_before, index_after, likeness)
    return best


def central_ncc(
    fixed: RegistrationPlane,
    moved: Plane,
    moving: RegistrationPlane,
    shift: Affine2D,
    inside: np.ndarray,
) -> float:
    """NCC over the tissue that both planes show in the central half; all of it if none is there.

    `moved` is `moving.coarse`, shifted onto the grid of `fixed`: like is compared with like.
    """
    tissue = fixed.tissue & inside & (warp(moving.tissue.astype(np.float32), shift, fixed.shape) > 0.5)
    middle = np.zeros_like(tissue)
    y, x = (n // 4 for n in tissue.shape)
    middle[y : tissue.shape[0] - y, x : tissue.shape[1] - x] = True
    central = tissue & middle
    return ncc(fixed.coarse, moved, central if central.sum() >= 16 else tissue)


def reference_slab(volume: Sliceable, plane: int, size: int) -> tuple[RegistrationPlane, tuple[int, int]]:
    """Mean of `size` planes around a plane and their range, inclusive.

    What would lie outside the volume is left out, not replaced from the other side: the slab
    must stay centred on its plane, or the motion would be measured over more than the gap. Of
    an even size, the plane more lies on the side of the greater index.
    """
    first = max(0, plane - (size - 1) // 2)
    last = min(volume.shape[0] - 1, plane + size // 2)
    return registration_plane(np.asarray(volume[first : last + 1])), (first, last)


def _candidates(
    volume: Sliceable, indices: range, settings: InterpolationSettings
) -> list[tuple[int, RegistrationPlane]]:
    ready = ((index, registration_plane(np.asarray(volume[index]))) for index in indices)
    return [pair for pair in ready if pair[1].tissue_fraction >= max(settings.min_foreground_fraction, 1e-9)]
