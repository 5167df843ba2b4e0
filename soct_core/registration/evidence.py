"""Evidence that two planes are neighbours, measured on the pair itself.

A threshold on NCC means another thing in another noise and on another tissue. So the pair is held against
pairs made of the same planes that cannot be neighbours: the mirror images of one side, and planes further
off in the same slices. What remains is combined to log odds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soct_core.affine import Affine2D, Freedom
from soct_core.arrays import Mask
from soct_core.planes.warp import coverage, warp
from soct_core.registration.likeness import displacement_rms, ncc, tissue_overlap
from soct_core.registration.register import best_alignment
from soct_core.registration.working_plane import RegistrationPlane

MIRRORS = ((1,), (0,), (0, 1))
"""Axes: left-right, upside down, both (a half turn)."""
MIRROR_LEVELS = (8, 4, 2)
"""Of ECC: how well a mirror image fits shows before the last level, which costs most."""
MOST_NCC = 0.995
"""Beyond, Fisher's transform of an NCC says more of rounding than of tissue."""


CONSTANT, PER_CONSISTENCY, PER_OVERLAP, PER_MIRROR, PER_TREND = -8.9, -0.26, 10.1, 9.7, 50.5
"""Log odds and what they gain by each figure. By logistic regression on 521 gaps worth filling and 358 decoys
of five volumes (two mouse brains, a head, bananas, the phantom) in eight noises; each volume judged by the
weights of the other four: 89 % accepted beside 2 % of the decoys."""
WITHOUT_TREND = -5.3, -0.41, 7.2, 10.0
"""The same where the slices are too thin to know planes further off."""
_MOST_MIRROR, _MOST_TREND = 0.5, 0.05
"""More counts as so much: beyond, the figures say no more. Chosen on the same data."""


@dataclass(frozen=True, eq=False)
class Rivals:
    """What a pair is held against, whatever motion is tried; on the working grid."""

    mirror_likeness: float
    """Of the mirror image of moving that fits best, registered on its own."""
    back: Affine2D | None
    """From moving to fixed, registered on its own; None where that failed."""
    far_fixed: RegistrationPlane | None = None
    far_moving: RegistrationPlane | None = None
    """Planes of the two slices that lie further from the cut."""


@dataclass(frozen=True)
class Evidence:
    """What speaks for two planes being neighbours; all in units of the working grid."""

    likeness: float
    """NCC of the smoothed planes once moved, over all that both measured."""
    mirror_likeness: float
    """The same of the mirror image that fits best."""
    consistency_px: float
    """RMS distance over tissue between there and there-and-back."""
    overlap: float
    """Share of the greater tissue that both show once moved."""
    trend: float | None
    """How much more alike the near planes are than a near and a far one; None without far planes."""

    @property
    def mirror_margin(self) -> float:
        """How much better the plane fits than its mirror image, in Fisher's transform."""
        return fisher(self.likeness) - fisher(self.mirror_likeness)

    @property
    def log_odds(self) -> float:
        """Of being neighbours; 0 is as likely as not, among as many decoys as gaps worth filling."""
        margin = float(np.clip(self.mirror_margin, -_MOST_MIRROR, _MOST_MIRROR))
        apart = float(np.log1p(self.consistency_px))
        if self.trend is None:
            constant, per_consistency, per_overlap, per_mirror = WITHOUT_TREND
            return constant + per_consistency * apart + per_overlap * self.overlap + per_mirror * margin
        trend = float(np.clip(self.trend, -_MOST_TREND, _MOST_TREND))
        known = PER_CONSISTENCY * apart + PER_OVERLAP * self.overlap + PER_MIRROR * margin
        return CONSTANT + known + PER_TREND * trend


def fisher(value: float) -> float:
    """Fisher's transform of an NCC, which evens out its spread."""
    return float(np.arctanh(np.clip(value, -MOST_NCC, MOST_NCC)))


def rivals_of(
    fixed: RegistrationPlane,
    moving: RegistrationPlane,
    freedom: Freedom,
    far: tuple[RegistrationPlane | None, RegistrationPlane | None] = (None, None),
) -> Rivals:
    """Register the mirror images of moving, and moving back onto fixed.

    Parameters
    ----------
    far
        Planes of the two slices, fixed and moving, that lie further from the cut.
    """
    back = best_alignment(moving, fixed, freedom)
    mirror = mirror_likeness(fixed, moving, freedom)
    return Rivals(mirror, None if back is None else back.motion, *far)


def mirror_likeness(fixed: RegistrationPlane, moving: RegistrationPlane, freedom: Freedom) -> float:
    """NCC of the mirror image of moving that fits best, registered on its own; -1 where none fits."""
    mirrored = []
    for axes in MIRRORS:
        mirror = moving.mirrored(axes)
        found = best_alignment(fixed, mirror, freedom, MIRROR_LEVELS)
        if found is not None:
            mirrored.append(whole_ncc(fixed, mirror, found.motion))
    return max(mirrored, default=-1.0)


def weigh(fixed: RegistrationPlane, moving: RegistrationPlane, motion: Affine2D, rivals: Rivals) -> Evidence:
    """Weigh a motion of the working grid against its rivals."""
    likeness = whole_ncc(fixed, moving, motion)
    apart = float(max(fixed.shape))
    if rivals.back is not None:
        apart = min(apart, displacement_rms(rivals.back.compose(motion), fixed.tissue))
    further = [
        whole_ncc(a, b, motion)
        for a, b in ((rivals.far_fixed, moving), (fixed, rivals.far_moving))
        if a is not None and b is not None
    ]
    return Evidence(
        likeness=likeness,
        mirror_likeness=rivals.mirror_likeness,
        consistency_px=apart,
        overlap=tissue_overlap(fixed, moving, motion),
        trend=likeness - max(further) if further else None,
    )


def box_around(mask: Mask) -> Mask:
    """The rows and columns from the first to the last that a mask, (y, x), touches; all where it is empty."""
    if not mask.any():
        return np.ones_like(mask)
    box = np.zeros_like(mask)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    return box


def whole_ncc(fixed: RegistrationPlane, moving: RegistrationPlane, motion: Affine2D) -> float:
    """NCC of two smoothed planes around their tissue, over all that both measured, moving moved.

    Outlines count too, but not how much background there is: all planes look alike in it.
    """
    both = coverage(moving.shape, motion, fixed.shape)
    moved = warp(moving.tissue.astype(np.float32), motion, fixed.shape) > 0.5
    both &= box_around(fixed.tissue | moved)
    if fixed.measured is not None:
        both = both & fixed.measured
    if moving.measured is not None:
        both = both & (warp(moving.measured.astype(np.float32), motion, fixed.shape) > 0.5)
    return ncc(fixed.smooth, warp(moving.smooth, motion, fixed.shape), both)
