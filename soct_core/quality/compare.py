"""Two slices compared: how alike their faces are, place by place, once registered."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from schemas.quality import PairFigures
from schemas.settings import PairwiseSettings
from soct_core.affine import Affine2D, plane_center
from soct_core.arrays import Mask, Plane
from soct_core.errors import RegistrationError
from soct_core.planes.warp import coverage, warp
from soct_core.quality.planes import tissue_of
from soct_core.registration.register import best_alignment, register
from soct_core.registration.working_plane import RegistrationPlane

WINDOW = 0.08
"""Sigma of the window in which likeness is local, as a share of the shorter side. Half as much tells damage
less well from noise (five volumes, clean and speckled)."""
_FLOOR = 0.01
"""Share of a plane's variance that counts as noise in a window where nothing is. Chosen by hand."""
_LEAST_TISSUE_PX = 20
"""Tissue of the two planes together, below which there is nothing to compare. Chosen by hand."""

_ELASTIX = PairwiseSettings(registration_engine="elastix", max_iterations=400)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two faces compared; all on the working grid of the upper one."""

    figures: PairFigures
    motion: Affine2D | None
    """`lower(T(x)) ~ upper(x)`; None where registration found nothing in common."""
    local: Plane
    """Local NCC, in [-1, 1]."""
    tissue: Mask
    """Tissue of either face, where both can be seen."""


def compare_faces(upper: RegistrationPlane, lower: RegistrationPlane, ids: tuple[int, int]) -> Comparison:
    """Register the upper face of a slice onto the lower face of one above it, and compare them.

    Parameters
    ----------
    upper, lower
        Lower face of the upper slice, and upper face of the lower slice, on grids of one factor.
    ids
        Of the upper and the lower slice.
    """
    return compare_registered(upper, lower, _registered(upper, lower), ids)


def compare_registered(
    upper: RegistrationPlane, lower: RegistrationPlane, found: Affine2D | None, ids: tuple[int, int]
) -> Comparison:
    """Compare two planes that are registered.

    Parameters
    ----------
    upper, lower
        Planes of the upper and of the lower slice, on grids of one factor.
    found
        `lower(T(x)) ~ upper(x)`, on the grid of `upper`; None where registration found nothing in common.
    ids
        Of the upper and the lower slice.
    """
    motion = Affine2D.identity(plane_center(upper.shape)) if found is None else found
    moved = warp(lower.smooth, motion, upper.shape)
    tissue, tissue_below = tissue_of(upper), tissue_of(lower)
    greater = max(int(tissue.sum()), int(tissue_below.sum()), 1)
    tissue_below = warp(tissue_below.astype(np.float32), motion, upper.shape) > 0.5
    seen = coverage(lower.shape, motion, upper.shape)
    either, both = (tissue | tissue_below) & seen, tissue & tissue_below & seen
    local = local_ncc(upper.smooth, moved, WINDOW * min(upper.shape))
    enough = found is not None and int(either.sum()) >= _LEAST_TISSUE_PX
    figures = PairFigures(
        upper_id=ids[0],
        lower_id=ids[1],
        likeness=float(np.clip(local[either].mean(), -1, 1)) if enough else 0.0,
        overlap=min(1.0, int(both.sum()) / greater) if enough else 0.0,
        rotation_deg=None if found is None else motion.rotation_deg,
        translation_px=None if found is None else float(np.hypot(*motion.translation)) * upper.factor,
    )
    return Comparison(figures, found, local, either)


def _registered(upper: RegistrationPlane, lower: RegistrationPlane) -> Affine2D | None:
    """By ECC, which is quick; by elastix where its steps lead nowhere; on the working grid."""
    if min(float(np.ptp(upper.image)), float(np.ptp(lower.image))) <= 0:
        return None
    found = best_alignment(upper, lower, "rigid")
    if found is not None:
        return found.motion.about(plane_center(upper.shape))
    try:
        return register(upper, lower, "rigid", _ELASTIX).motion.scaled(1 / upper.factor)
    except RegistrationError:
        return None


def local_ncc(a: Plane, b: Plane, sigma_px: float) -> Plane:
    """NCC of two planes, (y, x), in a gaussian window around every pixel; 0 where both are empty."""
    a, b = a - a.mean(), b - b.mean()
    mean_a, mean_b = _windowed(a, sigma_px), _windowed(b, sigma_px)
    spread_a, spread_b = (
        np.maximum(_windowed(p * p, sigma_px) - mean * mean, 0) + _FLOOR * float(p.var()) + 1e-12
        for p, mean in ((a, mean_a), (b, mean_b))
    )
    together = _windowed(a * b, sigma_px) - mean_a * mean_b
    return np.asarray(np.clip(together / np.sqrt(spread_a * spread_b), -1, 1), np.float32)


def _windowed(plane: Plane, sigma_px: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma_px), np.float32)
