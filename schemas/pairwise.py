"""What one pairwise registration found, and what it means in pixels."""

from __future__ import annotations

from typing import Literal

from schemas.contract import Contract
from schemas.diagnostics import Matrix2x2
from schemas.settings import PairwiseSettings
from schemas.slice_id import SliceId

ZSource = Literal["matched", "nominal"]
OverallStatus = Literal["ok", "warning", "error"]
PairRole = Literal["neighbours", "bridge", "check"]

CONVENTION = (
    "moving(T(x)) ~ fixed(x); x in pixels, x-y order; T(x) = matrix (x - center) + center + translation"
)


class RigidTransform(Contract):
    """`transform.json`: the in-plane rigid motion from fixed to moving pixels."""

    fixed_id: SliceId
    moving_id: SliceId
    matrix: Matrix2x2
    translation: tuple[float, float]
    center: tuple[float, float]
    rotation_deg: float
    convention: str = CONVENTION
    voxel_size_um: tuple[float, float, float]
    """Size of a voxel along (z, y, x)."""
    plane_shape: tuple[int, int]
    """Shape of the registered planes, (y, x)."""


class PairwiseMetrics(Contract):
    """`pairwise_registration_metrics.json`: lengths in pixels, depths in planes."""

    fixed_id: SliceId
    moving_id: SliceId
    role: PairRole
    """neighbours: consecutive among the slices present; bridge: across slices that cannot steer;
    check: second neighbours, so that a single wrong pair can be told."""
    translation_x: float | None = None
    translation_y: float | None = None
    translation_magnitude: float | None = None
    rotation_deg: float | None = None
    z_index: int | None = None
    """Plane of fixed that was compared with the moving plane."""
    moving_z_index: int | None = None
    expected_z_index: float | None = None
    z_drift: float | None = None
    """z_index - expected_z_index, in planes."""
    z_correlation: float | None = None
    z_source: ZSource | None = None
    pre_ncc: float | None = None
    post_ncc: float | None = None
    consistency_px: float | None = None
    """RMS distance over tissue between there and there-and-back, in pixels."""
    tissue_radius_px: float | None = None
    """RMS distance of tissue from the plane's centre: the lever of a rotation."""
    anatomy_rate_x: float | None = None
    """In-plane motion of anatomy within the fixed slice, in pixels per plane of depth."""
    anatomy_rate_y: float | None = None
    anatomy_rate_deg: float | None = None
    registration_confidence: float
    reliable: bool
    overall_status: OverallStatus
    reasons: tuple[str, ...] = ()
    settings: PairwiseSettings
    versions: dict[str, str]
    seconds: float
