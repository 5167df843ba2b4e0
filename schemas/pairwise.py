"""What one pairwise registration found, and what it means in pixels."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.contract import Contract
from schemas.diagnostics import Matrix2x2
from schemas.settings import PairwiseSettings
from schemas.slice_id import SliceId

ZSource = Literal["matched", "nominal"]
OverallStatus = Literal["ok", "warning", "error"]
PairRole = Literal["neighbours", "bridge", "check"]
PairSource = Literal["registration", "manual"]

CONVENTION = (
    "moving(T(x)) ~ fixed(x); x in pixels, x-y order; T(x) = matrix (x - center) + center + translation"
)
MAX_LENGTH_PX = 1e7


class RigidTransform(Contract):
    """`transform.json`: the in-plane motion from fixed to moving pixels, rigid in µm."""

    fixed_id: SliceId
    moving_id: SliceId
    matrix: Matrix2x2
    """In pixels: a rotation where they are square, else one between stretches."""
    translation: tuple[float, float]
    center: tuple[float, float]
    rotation_deg: float
    """Of the tissue, in µm."""
    convention: str = CONVENTION
    voxel_size_um: tuple[float, float, float]
    """Size of a voxel along (z, y, x)."""
    plane_shape: tuple[int, int]
    """Shape of the registered planes, (y, x)."""

    @model_validator(mode="after")
    def _is_what_it_says(self) -> Self:
        if min(*self.voxel_size_um, *self.plane_shape) <= 0:
            raise ValueError("voxel_size_um and plane_shape must be positive")
        (a, b), (c, d) = self.matrix
        angle = math.radians(self.rotation_deg)
        _, y, x = self.voxel_size_um
        turn = (math.cos(angle), -math.sin(angle), math.sin(angle), math.cos(angle))
        seen = (a, b * x / y, c * y / x, d)
        if not all(abs(one - wanted) < 1e-6 for one, wanted in zip(seen, turn, strict=True)):
            raise ValueError("matrix must be the rotation by rotation_deg, in µm")
        if self.convention != CONVENTION:
            raise ValueError(f"convention must be {CONVENTION!r}")
        if max(map(abs, (*self.translation, *self.center))) > MAX_LENGTH_PX:
            raise ValueError(f"translation and center must be {MAX_LENGTH_PX:g} px at most")
        return self


class RegisteredMotion(Contract):
    """What registration found for a pair that was set by hand, and what it thought of it."""

    translation_x: float | None = None
    translation_y: float | None = None
    rotation_deg: float | None = None
    post_ncc: float | None = None
    registration_confidence: Annotated[float, Field(ge=0, le=1)]
    reliable: bool
    overall_status: OverallStatus
    reasons: tuple[str, ...] = ()


class PairwiseMetrics(Contract):
    """`pairwise_registration_metrics.json`: lengths in pixels, depths in planes."""

    fixed_id: SliceId
    moving_id: SliceId
    role: PairRole
    """neighbours: consecutive among the slices present; bridge: across slices that cannot steer;
    check: second neighbours, so that a single wrong pair can be told."""
    source: PairSource = "registration"
    """manual: motion, NCC and confidence are those of a transform set by hand."""
    registered: RegisteredMotion | None = None
    """What registration had found; none unless the pair was set by hand."""
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
    z_expected_correlation: float | None = None
    """NCC of the moving plane with the plane of fixed where it was expected."""
    z_wide_index: int | None = None
    """Plane of fixed most like the moving plane, of all it has; only where the match is at the bound of its
    search."""
    z_wide_correlation: float | None = None
    same_depth_ncc: float | None = None
    """NCC of the planes at the same depth of both slices; none of a check."""
    reversed_ncc: float | None = None
    """NCC of fixed's top with moving's depth, as if moving lay above; none of a check."""
    same_image: bool = False
    """Whether both slices show the same planes: no cut lies between them."""
    reversed_order: bool = False
    """Whether the slices fit clearly better in reverse order."""
    pre_ncc: float | None = None
    post_ncc: float | None = None
    consistency_px: float | None = None
    """RMS distance over tissue between a pixel and where the forward and then the backward registration
    bring it. This and what follows are in square pixels, as long as the shorter side of a pixel."""
    disagreement_px: float | None = None
    """RMS distance over tissue between what ECC and elastix found, in pixels; none where one alone ran."""
    mirror_margin: float | None = None
    """How much better the moving plane fits than the best of its mirror images, as the difference of the
    NCCs in Fisher's transform; about 0 where nothing tells them apart, below where it is mirrored."""
    tissue_radius_px: float | None = None
    """RMS distance of tissue from the plane's centre, in pixels: how far one radian of rotation moves it."""
    anatomy_rate_x: float | None = None
    """In-plane motion of anatomy within the fixed slice, in pixels per plane of depth."""
    anatomy_rate_y: float | None = None
    anatomy_rate_deg: float | None = None
    registration_confidence: Annotated[float, Field(ge=0, le=1)]
    reliable: bool
    overall_status: OverallStatus
    reasons: tuple[str, ...] = ()
    settings: PairwiseSettings
    versions: dict[str, str]
    seconds: float
