"""Boundary planes: the pair of planes, one on each side of a gap, that resemble each other best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.settings import InterpolationSettings
from soct_core.arrays import Sliceable
from soct_core.planes.warp import coverage, warp
from soct_core.registration.likeness import central_ncc
from soct_core.registration.phase_correlation import coarse_shift
from soct_core.registration.working_plane import RegistrationPlane, registration_plane

Candidate = tuple[int, RegistrationPlane]
"""A plane near a gap and its index."""


@dataclass(frozen=True)
class OverlapPlanes:
    """The boundary plane pair: indices into the two volumes, and their likeness."""

    ref_before: int
    ref_after: int
    ncc: float
    """Taken over the central half of the plane, after a coarse shift; in [-1, 1]."""


@dataclass(frozen=True)
class OverlapSearch:
    """What was found near a gap."""

    best: OverlapPlanes | None
    """The boundary planes; None when no pair shows enough tissue."""
    tissue_share: float
    """Share of tissue in the plane that has most of it, on the side of the gap that has less."""


MIN_TISSUE = 1e-9
"""Share of a plane: some tissue is needed even where `min_foreground_fraction` is 0. By convention: less
than one pixel of any plane."""


def find_best_overlap_planes(
    vol_before: Sliceable, vol_after: Sliceable, settings: InterpolationSettings
) -> OverlapPlanes | None:
    """Find the boundary planes: the pair near the gap that shows tissue and has the best NCC.

    Parameters
    ----------
    vol_before, vol_after : array-like, (z, y, x)
        Volumes of one plane shape and a real dtype; only `overlap_search_window` planes of each are read.
    settings : InterpolationSettings
        Of these, `overlap_search_window` and `min_foreground_fraction` count.

    Returns
    -------
    OverlapPlanes or None
        `ref_before` and `ref_after`, indices of planes, and `ncc`, their likeness in [-1, 1]. Of pairs
        that are equally alike, the one nearest the gap. None when no pair shows enough tissue.

    Examples
    --------
    >>> import numpy as np
    >>> from schemas.settings import InterpolationSettings
    >>> from soct_core.zmorph import find_best_overlap_planes
    >>> y, x = np.mgrid[-1:1:64j, -1:1:64j]
    >>> plane = 100 + 1000 * (np.hypot(y, x) < 0.7) * (1.2 + np.sin(9 * x) * np.cos(7 * y))
    >>> before = np.stack([plane, plane, np.zeros_like(plane)])  # the deepest plane is torn
    >>> after = np.stack([plane, plane])
    >>> planes = find_best_overlap_planes(before, after, InterpolationSettings())
    >>> planes.ref_before, planes.ref_after, round(planes.ncc, 3)
    (1, 0, 1.0)
    """
    return search_overlap_planes(vol_before, vol_after, settings).best


def search_overlap_planes(
    vol_before: Sliceable, vol_after: Sliceable, settings: InterpolationSettings
) -> OverlapSearch:
    """As `find_best_overlap_planes`, and how much tissue there was to choose from."""
    window = settings.overlap_search_window
    depth = vol_before.shape[0]
    sides = [
        _ready(vol_before, range(depth - 1, max(-1, depth - 1 - window), -1)),
        _ready(vol_after, range(min(window, vol_after.shape[0]))),
    ]
    share = min(max((plane.tissue_fraction for _, plane in side), default=0.0) for side in sides)
    least = max(settings.min_foreground_fraction, MIN_TISSUE)
    before, after = ([p for p in side if p[1].tissue_fraction >= least] for side in sides)
    return OverlapSearch(_best_pair(before, after) if before and after else None, share)


def _best_pair(before: Sequence[Candidate], after: Sequence[Candidate]) -> OverlapPlanes | None:
    # Drift is the same for all pairs, so it is measured on the pair nearest the gap.
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


def reference_slab(volume: Sliceable, plane: int, size: int) -> tuple[RegistrationPlane, tuple[int, int]]:
    """Mean of `size` planes around a plane and their range, inclusive.

    What would lie outside the volume is left out, not replaced from the other side: the slab
    must stay centred on its plane, or the motion would be measured over more than the gap. A slab
    of an even size has one plane more on the side of the greater index.
    """
    first = max(0, plane - (size - 1) // 2)
    last = min(volume.shape[0] - 1, plane + size // 2)
    return registration_plane(np.asarray(volume[first : last + 1])), (first, last)


def _ready(volume: Sliceable, indices: range) -> list[Candidate]:
    return [(index, registration_plane(np.asarray(volume[index]))) for index in indices]
