"""Pairs set by hand: a transform of the user's counts instead of what registration found.

What registration found stays on record beside it.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from schemas.pairwise import PairwiseMetrics, RegisteredMotion, RigidTransform
from soct_core.affine import Affine2D, plane_center
from soct_core.arrays import Zyx
from soct_core.errors import TransformError
from soct_core.file_names import manual_path
from soct_core.pairwise.itk_transform import read_tfm
from soct_core.pairwise.register import ComparedPlanes, tissue_radius
from soct_core.registration.likeness import NEGLIGIBLE_NCC, ncc_before_and_after

_RIGID_TOLERANCE = 1e-3
"""Of scales and of the sine of the angle between the axes. Chosen by hand: numbers typed with four digits are
off by 1e-4, and a scale of a thousandth moves the rim of a plane of 1000 px by half a pixel."""


def read_by_hand(path: Path, voxel_size_um: Zyx, plane_shape: tuple[int, int]) -> Affine2D:
    """The rigid motion in a transform file, in pixels about the centre of planes of a shape (y, x).

    Raises
    ------
    TransformError
        If the file is no rigid 2D transform, or moves a slice farther than it is wide.
    """
    _, y, x = voxel_size_um
    found = read_tfm(path)
    middle = np.array(plane_center(plane_shape))
    spacing = np.array([x, y])
    rigid = _rigid(path, found)
    # T in µm becomes S^-1 T S in pixels, S = diag(spacing).
    matrix = np.array(rigid.matrix) * spacing[None, :] / spacing[:, None]
    shift = rigid.apply(middle * spacing) / spacing - middle
    if np.abs(shift).max() >= max(plane_shape):
        raise TransformError(
            f"{path}: moves the centre of the slice by {shift[0]:.0f}, {shift[1]:.0f} px, which is farther "
            f"than it is wide; wanted a motion in µm of planes whose first pixel lies at 0"
        )
    return Affine2D.of(matrix, shift, middle)


def _rigid(path: Path, found: Affine2D) -> Affine2D:
    """The transform with its matrix made a rotation to the last digit."""
    matrix = np.array(found.matrix)
    if found.determinant == 0:
        raise TransformError(f"{path}: is singular (its determinant is 0), wanted a rotation and a shift")
    if found.determinant < 0:
        raise TransformError(f"{path}: mirrors (its determinant is negative), wanted a rotation and a shift")
    parts = found.parts()
    for name, scale in (("x", parts.scale_x), ("y", parts.scale_y)):
        if abs(scale - 1) > _RIGID_TOLERANCE:
            raise TransformError(f"{path}: scales {name} by {scale:.4g}, wanted a rotation and a shift")
    if abs(parts.shear) > _RIGID_TOLERANCE:
        raise TransformError(f"{path}: shears by {parts.shear:.4g}, wanted a rotation and a shift")
    u, _, v = np.linalg.svd(matrix)
    return Affine2D.of(u @ v, found.translation, found.center)


def set_by_hand(
    motion: Affine2D,
    metrics: PairwiseMetrics,
    compared: ComparedPlanes,
    voxel_size_um: Zyx,
    plane_shape: tuple[int, int],
) -> tuple[RigidTransform, PairwiseMetrics, ComparedPlanes]:
    """What counts of a pair once it is set by hand: full confidence, and the likeness that it reaches.

    Parameters
    ----------
    motion
        In pixels, about the plane's centre.
    metrics, compared
        As registration left them.

    Raises
    ------
    TransformError
        If it cannot be written as a rigid transform of pixels.
    """
    fixed, moving = compared.fixed, compared.moving
    pre, post = ncc_before_and_after(fixed, moving, moving.on_grid(motion))
    name = manual_path(metrics.fixed_id, metrics.moving_id)
    reasons = [f"set by hand ({name})", _found_instead(metrics)]
    worse = post < pre - NEGLIGIBLE_NCC
    if worse:
        reasons.append(
            f"by hand the planes are less alike than as imaged (NCC {post:.3f}, {pre:.3f} as imaged)"
        )
    _, y, x = voxel_size_um
    (cos, _), (sin, _) = motion.matrix
    # Of the tissue, where pixels are not square.
    turn = math.degrees(math.atan2(sin * y / x, cos))
    changed = {
        "source": "manual",
        "registered": _registered(metrics),
        "translation_x": motion.translation[0],
        "translation_y": motion.translation[1],
        "translation_magnitude": float(np.hypot(*motion.translation)),
        "rotation_deg": turn,
        "pre_ncc": pre,
        "post_ncc": post,
        "consistency_px": None,
        "disagreement_px": None,
        "tissue_radius_px": tissue_radius(fixed),
        "registration_confidence": 1.0,
        "reliable": True,
        "overall_status": "warning" if worse else "ok",
        "reasons": tuple(reasons),
    }
    by_hand = metrics.model_copy(update=changed)
    transform = _transform(motion, by_hand, name, voxel_size_um, plane_shape)
    return transform, by_hand, replace(compared, motion=motion)


def _transform(
    motion: Affine2D, pair: PairwiseMetrics, name: str, voxel_size_um: Zyx, plane_shape: tuple[int, int]
) -> RigidTransform:
    try:
        return RigidTransform(
            fixed_id=pair.fixed_id,
            moving_id=pair.moving_id,
            matrix=motion.matrix,
            translation=motion.translation,
            center=motion.center,
            rotation_deg=pair.rotation_deg or 0.0,
            voxel_size_um=voxel_size_um,
            plane_shape=plane_shape,
        )
    except ValidationError as error:
        raise TransformError(f"{name}: {error.errors()[0]['msg']}") from error


def _found_instead(metrics: PairwiseMetrics) -> str:
    if metrics.translation_x is None or metrics.translation_y is None or metrics.rotation_deg is None:
        return "registration had failed"
    return (
        f"registration had found {metrics.translation_x:.1f}, {metrics.translation_y:.1f} px and "
        f"{metrics.rotation_deg:.2f} deg, confidence {metrics.registration_confidence:.2f}"
    )


def _registered(metrics: PairwiseMetrics) -> RegisteredMotion:
    return RegisteredMotion(**metrics.model_dump(include=set(RegisteredMotion.model_fields)))
