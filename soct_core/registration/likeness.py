"""Likeness of tissue: normalised cross-correlation (NCC) over tissue that both planes show."""

from __future__ import annotations

import numpy as np

from soct_core.affine import Affine2D
from soct_core.arrays import Mask, Plane
from soct_core.planes.warp import coverage, warp
from soct_core.registration.working_plane import RegistrationPlane

MIN_SHARED_TISSUE = 0.25
"""Share of the lesser tissue. A guess that served: the likeness of a sliver of tissue says nothing."""
NEGLIGIBLE_NCC = 0.005
"""Loss in NCC that the noise of registration alone may cause in a pair that is aligned. Chosen by hand."""


def ncc(a: Plane, b: Plane, mask: Mask | None = None) -> float:
    """Pearson correlation of two planes, (y, x), over a mask; 0 where one of them is constant."""
    x, y = (a.ravel(), b.ravel()) if mask is None else (a[mask], b[mask])
    if x.size < 2:
        return 0.0
    x = x.astype(np.float64) - x.mean(dtype=np.float64)
    y = y.astype(np.float64) - y.mean(dtype=np.float64)
    # Not by BLAS: its threads would compete with other tasks for so little work.
    norm = np.sqrt(float((x * x).sum()) * float((y * y).sum()))
    return float(np.clip(float((x * y).sum()) / norm, -1.0, 1.0)) if norm > 1e-12 else 0.0


def shared_tissue(fixed: RegistrationPlane, moving: RegistrationPlane, motion: Affine2D) -> Mask:
    """Pixels where fixed shows tissue and moving does too once moved; (y, x), working grid."""
    warped = warp(moving.tissue.astype(np.float32), motion, fixed.shape) > 0.5
    return fixed.tissue & warped & coverage(moving.shape, motion, fixed.shape)


def tissue_overlap(fixed: RegistrationPlane, moving: RegistrationPlane, motion: Affine2D) -> float:
    """Share of the greater of the two tissues that both planes show once moved, 0 to 1."""
    greater = max(int(fixed.tissue.sum()), int(moving.tissue.sum()))
    return float(shared_tissue(fixed, moving, motion).sum()) / greater if greater else 0.0


def ncc_before_and_after(
    fixed: RegistrationPlane, moving: RegistrationPlane, motion: Affine2D
) -> tuple[float, float]:
    """NCC with moving left in place, and moved; same planes, same pixels.

    Both are 0 when the motion leaves less than a quarter of the lesser tissue in common: the
    likeness of a sliver of tissue says nothing.
    """
    mask = shared_tissue(fixed, moving, motion) & coverage(moving.shape, Affine2D.identity(), fixed.shape)
    least = min(int(fixed.tissue.sum()), int(moving.tissue.sum()))
    if mask.sum() < max(16.0, MIN_SHARED_TISSUE * least):
        return 0.0, 0.0
    in_place = warp(moving.smooth, Affine2D.identity(), fixed.shape)
    return ncc(fixed.smooth, in_place, mask), ncc(
        fixed.smooth, warp(moving.smooth, motion, fixed.shape), mask
    )


def central_ncc(
    fixed: RegistrationPlane,
    moved: Plane,
    moving: RegistrationPlane,
    shift: Affine2D,
    inside: Mask,
) -> float:
    """NCC over the tissue that both planes show in the central half; all of it if none is there.

    `moved` is `moving.coarse`, shifted onto the grid of `fixed`: both planes are smoothed alike.
    """
    tissue = fixed.tissue & inside & (warp(moving.tissue.astype(np.float32), shift, fixed.shape) > 0.5)
    middle = np.zeros_like(tissue)
    y, x = (n // 4 for n in tissue.shape)
    middle[y : tissue.shape[0] - y, x : tissue.shape[1] - x] = True
    central = tissue & middle
    return ncc(fixed.coarse, moved, central if central.sum() >= 16 else tissue)


def displacement_rms(motion: Affine2D, mask: Mask) -> float:
    """RMS length of the motion over a mask, in pixels of the mask's grid.

    Source: nifreeze judges registrations by displacement inside a mask.
    """
    y, x = np.nonzero(mask)
    if y.size == 0:
        return 0.0
    points = np.column_stack((x, y)).astype(float)
    return float(np.sqrt(((motion.apply(points) - points) ** 2).sum(axis=1).mean()))
