"""What one interpolation did, measured and decided."""

from __future__ import annotations

from typing import Literal

from schemas.contract import Contract
from schemas.settings import InterpolationSettings, Method
from schemas.slice_id import SliceId

FallbackReason = Literal[
    "no_foreground_planes",
    "low_overlap_ncc",
    "registration_exception",
    "affine_determinant_non_positive",
    "implausible_affine",
    "reg_did_not_improve",
    "low_post_ncc",
    "low_tissue_overlap",
]
ImprovementGate = Literal["improved", "already_aligned"]
GateName = Literal[
    "tissue",
    "overlap_ncc",
    "optimiser",
    "determinant",
    "rotation",
    "scale",
    "shear",
    "shift",
    "gain",
    "aligned_gain",
    "aligned_ncc",
    "tissue_overlap",
    "post_ncc",
    "boundary_tissue",
    "boundary_overlap",
    "boundary_ncc",
]
Matrix2x2 = tuple[tuple[float, float], tuple[float, float]]


class GateCheck(Contract):
    """One gate that was asked: what was measured, and what it was held against."""

    gate: GateName
    value: float | None = None
    """None where the gate measures nothing: the optimiser gave up."""
    limit: float | None = None
    passed: bool


class InterpolationDiagnostics(Contract):
    """Everything one interpolation measured; `null` where a stage was not reached.

    Affine fields are in x-y order and pixels, as ITK writes them, and map pixels of the
    output (frame of the slice after) to pixels of the slice before.
    """

    method: Method
    method_used: Method | None = None
    """Empty when the interpolation failed."""
    interpolation_failed: bool
    fallback_reason: FallbackReason | None = None
    detail: str = ""
    """The reason in words, with the figures that decided."""
    gate: ImprovementGate | None = None
    """Which of the two improvement gates was applied."""
    gates: tuple[GateCheck, ...] = ()
    """All gates that were asked, in order; none of a baseline."""

    ref_before: int | None = None
    """Index of the boundary plane in the slice before."""
    ref_after: int | None = None
    """Index of the boundary plane in the slice after."""
    slab_before_range: tuple[int, int] | None = None
    """First and last plane of the slab, inclusive."""
    slab_after_range: tuple[int, int] | None = None
    overlap_ncc: float | None = None
    pre_reg_ncc: float | None = None
    post_reg_ncc: float | None = None
    ncc_improvement: float | None = None
    tissue_overlap: float | None = None
    """Share of the greater tissue that both slabs show once moved."""

    affine_matrix: Matrix2x2 | None = None
    affine_translation: tuple[float, float] | None = None
    affine_center: tuple[float, float] | None = None
    affine_determinant: float | None = None
    displacement_rms_px: float | None = None
    """RMS motion of tissue by the affine, in pixels."""
    fractional_power_max_imag: float | None = None
    top_boundary_residual_mean: float | None = None
    """Mean absolute difference of output plane 0 and the deepest plane of before."""
    bottom_boundary_residual_mean: float | None = None
    """Mean absolute difference of the last output plane and plane 0 of after."""

    nz_out: int | None = None
    slice_id: SliceId | None = None
    slice_before_path: str | None = None
    slice_after_path: str | None = None
    output_path: str | None = None
    settings: InterpolationSettings
    versions: dict[str, str]
    seconds: float
