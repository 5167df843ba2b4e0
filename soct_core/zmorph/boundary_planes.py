"""Boundary planes: the pair of planes, one on each side of a gap, that resemble each other best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.arrays import Sliceable
from soct_core.planes.measured import read_measured
from soct_core.planes.warp import coverage, warp
from soct_core.registration.likeness import central_ncc
from soct_core.registration.phase_correlation import coarse_shift
from soct_core.registration.register import best_alignment
from soct_core.registration.working_plane import ReducedPlanes, RegistrationPlane, pixel_aspect, reduced

Candidate = tuple[int, RegistrationPlane]
"""A plane near a gap and its index."""


@dataclass(frozen=True)
class OverlapPlanes:
    """The boundary plane pair: indices into the two volumes, and their likeness."""

    ref_before: int
    ref_after: int
    ncc: float
    """Taken over the central half of the plane, after a coarse motion; in [-1, 1]."""


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
    window, depth = settings.overlap_search_window, vol_before.shape[0]
    aspect = pixel_aspect(getattr(vol_before, "voxel_size_um", None))
    planes, where = read_measured(vol_before, slice(max(0, depth - window), depth))
    before = reduced(planes[::-1], where=None if where is None else where[::-1], aspect=aspect)
    planes, where = read_measured(vol_after, slice(0, window))
    after = reduced(planes, where=where, aspect=aspect)
    motion = coarse_motion(after.plane(0, 0), before.plane(0, 0))
    best = search_overlap_planes(before, after, motion, settings).best
    return best and replace(best, ref_before=depth - 1 - best.ref_before)


def coarse_motion(fixed: RegistrationPlane, moving: RegistrationPlane) -> Affine2D:
    """A rough motion of the working grid, so that neither drift nor a turn hides likeness.

    Of a shift, which a torn plane does not lead astray, and a rigid alignment, which a turn does not: the
    one that makes the planes more alike.
    """
    found = best_alignment(fixed, moving, "rigid")
    motions = [coarse_shift(fixed, moving), *([] if found is None else [found.motion])]
    return max(motions, key=lambda motion: _likeness(fixed, moving, motion))


def _likeness(fixed: RegistrationPlane, moving: RegistrationPlane, motion: Affine2D) -> float:
    moved, inside = warp(moving.coarse, motion, fixed.shape), coverage(moving.shape, motion, fixed.shape)
    return central_ncc(fixed, moved, moving, motion, inside)


def search_overlap_planes(
    before: ReducedPlanes,
    after: ReducedPlanes,
    motion: Affine2D,
    settings: InterpolationSettings,
    averaged: int = 1,
) -> OverlapSearch:
    """As `find_best_overlap_planes`, and how much tissue there was to choose from.

    Parameters
    ----------
    before, after
        Planes of each side, the one nearest the gap first; so are the indices of the answer counted.
    motion
        Rough motion of the working grid, the same for all pairs.
    averaged
        Planes, from each candidate on, whose mean is compared, where noise hides the likeness of single ones.
    """
    sides = [
        [
            (i, side.plane(i, i + averaged - 1))
            for i in range(min(settings.overlap_search_window, max(1, len(side) - averaged + 1)))
        ]
        for side in (before, after)
    ]
    share = min(max((plane.tissue_fraction for _, plane in side), default=0.0) for side in sides)
    least = max(settings.min_foreground_fraction, MIN_TISSUE)
    above, below = ([p for p in side if p[1].tissue_fraction >= least] for side in sides)
    return OverlapSearch(_best_pair(above, below, motion) if above and below else None, share)


def _best_pair(
    before: Sequence[Candidate], after: Sequence[Candidate], motion: Affine2D
) -> OverlapPlanes | None:
    best: OverlapPlanes | None = None
    for index_before, plane_before in before:
        moved = warp(plane_before.coarse, motion, after[0][1].shape)
        inside = coverage(plane_before.shape, motion, after[0][1].shape)
        for index_after, plane_after in after:
            likeness = central_ncc(plane_after, moved, plane_before, motion, inside)
            if best is None or likeness > best.ncc:
                best = OverlapPlanes(index_before, index_after, likeness)
    return best
