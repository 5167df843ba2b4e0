"""In-plane registration by the enhanced correlation coefficient (ECC) [1]_: affine or rigid.

Convention: `moving(T(x)) ~ fixed(x)`. ECC does not see gain and offset, is deterministic, and takes masks.

References
----------
.. [1] Evangelidis GD, Psarakis EZ (2008). Parametric image alignment using enhanced correlation coefficient
   maximization. IEEE Transactions on Pattern Analysis and Machine Intelligence 30(10), 1858-1865.
   doi:10.1109/TPAMI.2008.113
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from soct_core.affine import Affine2D, Freedom
from soct_core.arrays import Mask, Plane
from soct_core.registration.working_plane import RegistrationPlane

LEVELS = (8, 4, 2, 1)
"""Each level is so many times coarser than the working grid. With a filter of 5 px and 50 iterations,
measured on real planes of about 1000 px with known drift: median error 0.013 px, and 0.061 px speckled."""
_FILTER_PX = 5
_ITERATIONS = 50
_NO_MEMORY = -4
"""`cv::Error::StsNoMem`."""
_LEAST_GAIN = 1e-6
"""In correlation, by a step; below, a level has converged. Smaller steps moved no point by 0.001 px."""
_LEAST_SIDE_PX = 12
"""A level with less is left out: the filter would leave nothing of it. Chosen by hand."""
_MOTIONS = {"affine": cv2.MOTION_AFFINE, "rigid": cv2.MOTION_EUCLIDEAN}


@dataclass(frozen=True)
class Alignment:
    """What ECC found, on the working grid."""

    motion: Affine2D
    correlation: float
    """Of the two planes over all that both measured, in [-1, 1]."""


def align(
    fixed: RegistrationPlane,
    moving: RegistrationPlane,
    freedom: Freedom,
    start: Affine2D | None = None,
    levels: tuple[int, ...] = LEVELS,
) -> Alignment | None:
    """Find T with `moving(T(x)) ~ fixed(x)`, on the working grid.

    Parameters
    ----------
    fixed, moving
        Planes of the working grid; what was not measured has no say.
    freedom
        affine, or rigid: rotation and translation.
    start
        Where to begin; the identity by default.
    levels
        Of the pyramid, the coarsest first.

    Returns
    -------
    Alignment or None
        None where the planes have nothing in common, or the steps lead nowhere.
    """
    warp = _as_warp(start or Affine2D.identity())
    correlation = -1.0
    for level in levels:
        if level > 1 and min(*fixed.shape, *moving.shape) < level * _LEAST_SIDE_PX:
            continue
        sides = [_at_level(plane, level) for plane in (fixed, moving)]
        (template, template_mask), (image, image_mask) = sides
        try:
            correlation, found = cv2.findTransformECCWithMask(
                template,
                image,
                template_mask,
                image_mask,
                _onto_level(warp, level),
                _MOTIONS[freedom],
                (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, _ITERATIONS, _LEAST_GAIN),
                _FILTER_PX,
            )
        except cv2.error as error:
            if error.code == _NO_MEMORY:
                raise MemoryError(error.err) from error
            return None
        warp = _from_level(np.asarray(found, np.float32), level)
    motion = Affine2D.of(warp[:, :2], warp[:, 2])
    if freedom == "rigid":
        # OpenCV counts in float32: without this the determinant is off by 1e-7.
        motion = Affine2D.rigid(motion.rotation_deg, motion.translation)
    if not motion.is_finite() or not np.isfinite(correlation):
        return None
    return Alignment(motion, float(np.clip(correlation, -1.0, 1.0)))


def _at_level(plane: RegistrationPlane, level: int) -> tuple[Plane, NDArray[np.uint8]]:
    """A plane and the mask of what was measured of it, `level` times coarser."""
    image, mask = plane.image, _as_mask(plane)
    if level == 1:
        return image, mask
    height, width = (n - n % level for n in image.shape)
    size = width // level, height // level
    blurred = cv2.GaussianBlur(image, (0, 0), level / 2)[:height, :width]
    small = cv2.resize(blurred, size, interpolation=cv2.INTER_AREA)
    coarse_mask = cv2.resize(mask[:height, :width], size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(small, np.float32), np.asarray(coarse_mask, np.uint8)


def _as_mask(plane: RegistrationPlane) -> NDArray[np.uint8]:
    measured: Mask | None = plane.measured
    return np.full(plane.shape, 255, np.uint8) if measured is None else measured.astype(np.uint8) * 255


def _as_warp(motion: Affine2D) -> NDArray[np.float32]:
    about_origin = motion.about((0.0, 0.0))
    return np.column_stack((about_origin.matrix, about_origin.translation)).astype(np.float32)


def _onto_level(warp: NDArray[np.float32], level: int) -> NDArray[np.float32]:
    """The same motion in pixels of a grid `level` times coarser."""
    middle = np.full(2, (level - 1) / 2)
    shift = (warp[:, :2] @ middle + warp[:, 2] - middle) / level
    return np.column_stack((warp[:, :2], shift)).astype(np.float32)


def _from_level(warp: NDArray[np.float32], level: int) -> NDArray[np.float32]:
    middle = np.full(2, (level - 1) / 2)
    shift = warp[:, 2] * level + middle - warp[:, :2] @ middle
    return np.column_stack((warp[:, :2], shift)).astype(np.float32)
