"""Records of a pair made by hand, as a registration would leave them."""

from __future__ import annotations

from typing import Any

from deep_tissue import CENTER, SHAPE
from registered_pairs import VOXEL

from schemas.pairwise import PairwiseMetrics, RigidTransform
from schemas.settings import PairwiseSettings
from soct_core.affine import Affine2D
from soct_core.registration.working_plane import pixel_aspect

MOTION = Affine2D.rigid(1.0, (5.0, -3.0), CENTER)


def metrics_of(fixed: int = 2, moving: int = 3, **values: Any) -> PairwiseMetrics:
    """Metrics of a good pair but for some values."""
    known: dict[str, Any] = {
        "fixed_id": fixed,
        "moving_id": moving,
        "role": "neighbours",
        "z_index": 4,
        "expected_z_index": 7.0,
        "z_source": "nominal",
        "tissue_radius_px": 40.0,
        "registration_confidence": 0.8,
        "reliable": True,
        "overall_status": "ok",
        "settings": PairwiseSettings(),
        "versions": {},
        "seconds": 0.1,
    }
    return PairwiseMetrics.model_validate(known | values)


def transform_of(
    motion: Affine2D,
    fixed: int = 2,
    moving: int = 3,
    voxel: tuple[float, float, float] = VOXEL,
    shape: tuple[int, int] = SHAPE,
) -> RigidTransform:
    """The record of a motion, in pixels; rigid in µm."""
    return RigidTransform(
        fixed_id=fixed,
        moving_id=moving,
        matrix=motion.matrix,
        translation=motion.translation,
        center=motion.center,
        rotation_deg=motion.scaled(*pixel_aspect(voxel)).rotation_deg,
        voxel_size_um=voxel,
        plane_shape=shape,
    )
