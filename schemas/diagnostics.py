"""What one interpolation did, measured and decided."""

from __future__ import annotations

from pathlib import PurePath
from typing import Literal

from schemas.contract import Contract
from schemas.settings import InterpolationSettings, Method
from schemas.slice_id import SliceIdText, format_slice_id

FallbackReason = Literal[
    "no_foreground_planes",
    "low_overlap_ncc",
    "registration_exception",
    "affine_determinant_non_positive",
    "implausible_affine",
    "reg_did_not_improve",
    "low_post_ncc",
    "low_tissue_overlap",
    "mirrored_neighbour",
]
NO_MOTION: frozenset[FallbackReason | None] = frozenset(
    {"no_foreground_planes", "registration_exception", "affine_determinant_non_positive"}
)
"""Reasons that leave nothing to fill a gap with, so that nobody can accept it."""
ImprovementGate = Literal["improved", "already_aligned", "accepted_by_hand"]
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
    "mirror",
    "neighbours",
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


class IntervalModel(Contract):
    """How the interval of each interpolated voxel was computed, and on what that was calibrated.

    Half width = `noise_share` * noise of the sources + k * 2 sqrt(a (1 - a)) * local RMS difference of the
    two sides; a is the depth in the gap, from 0 to 1. k is `difference_share` * `held_out_error` of the
    diagnostics; where that is empty it is `unknown_share`. Where light makes a share of the step in
    brightness (`brightness_of_light`), the sides are compared without it, the half width grows with the
    brighter one, and how far the brightness at this depth lies from that of either side is added.
    """

    level: float
    """Share of the voxels that should lie within their interval."""
    noise_share: float
    difference_share: float
    unknown_share: float
    calibrated_on: str
    """The data that these numbers were fitted on."""
    mean: float | None = None
    """Mean half width over all planes, in intensity."""


def made_as(slice_id: int | None, before: str, after: str) -> str:
    """What an interpolation is of: outputs that say the same may replace each other.

    Examples
    --------
    >>> made_as(6, "acq/slice_z05.ome.zarr", "acq/slice_z07.ome.zarr")
    'interpolation of slice 06'
    >>> made_as(None, "a/before.ome.zarr", "b/after.ome.zarr")
    'interpolation between before.ome.zarr and after.ome.zarr'
    """
    if slice_id is not None:
        return f"interpolation of slice {format_slice_id(slice_id)}"
    return f"interpolation between {PurePath(before).name} and {PurePath(after).name}"


class InterpolationDiagnostics(Contract):
    """Everything one interpolation measured; `null` where a stage was not reached.

    Made by `interpolate_z_morph`, and written as JSON beside each interpolated slice.

    Parameters
    ----------
    **values
        By the names of the attributes below.

    Raises
    ------
    ValidationError
        If a name is unknown, or a value is of the wrong type or not finite.

    Examples
    --------
    >>> from schemas.diagnostics import InterpolationDiagnostics
    >>> from schemas.settings import InterpolationSettings
    >>> found = InterpolationDiagnostics(
    ...     method="zmorph",
    ...     interpolation_failed=True,
    ...     fallback_reason="low_overlap_ncc",
    ...     overlap_ncc=0.12,
    ...     settings=InterpolationSettings(),
    ...     versions={},
    ...     seconds=0.5,
    ... )
    >>> found.method_used is None, found.affine_matrix is None
    (True, True)
    >>> InterpolationDiagnostics.model_validate_json(found.model_dump_json()) == found
    True
    """

    method: Method
    """The method that was asked for."""
    method_used: Method | None = None
    """The method that made the planes; empty when the interpolation failed."""
    interpolation_failed: bool
    """A gate failed: no volume was made."""
    fallback_reason: FallbackReason | None = None
    """Why it failed, as the audit trail says it."""
    detail: str = ""
    """The reason in words, with the figures that decided."""
    gate: ImprovementGate | None = None
    """Which of the two improvement gates was applied; `accepted_by_hand` where gates failed and a person
    accepted the gap all the same."""
    gates: tuple[GateCheck, ...] = ()
    """All gates that were asked, in order; none of a baseline."""

    ref_before: int | None = None
    """Index of the boundary plane in the slice before."""
    ref_after: int | None = None
    """Index of the boundary plane in the slice after."""
    slab_before_range: tuple[int, int] | None = None
    """First and last plane of the slab of the slice before, inclusive."""
    slab_after_range: tuple[int, int] | None = None
    """First and last plane of the slab of the slice after, inclusive."""
    overlap_ncc: float | None = None
    """NCC of the boundary plane pair after a coarse shift, in [-1, 1]."""
    pre_reg_ncc: float | None = None
    """NCC of the two slabs as they lie, in [-1, 1]."""
    post_reg_ncc: float | None = None
    """NCC of the two slabs once registered, over the same pixels, in [-1, 1]."""
    ncc_improvement: float | None = None
    """`post_reg_ncc` less `pre_reg_ncc`."""
    tissue_overlap: float | None = None
    """Share of the greater tissue that both slabs show once moved."""

    affine_matrix: Matrix2x2 | None = None
    """x-y order, as ITK writes it; the affine maps pixels of the output (frame of the slice after) to
    pixels of the slice before."""
    affine_translation: tuple[float, float] | None = None
    """(x, y) in pixels."""
    affine_center: tuple[float, float] | None = None
    """(x, y) in pixels."""
    affine_determinant: float | None = None
    """Change of area by the affine; below 0 where it mirrors."""
    displacement_rms_px: float | None = None
    """RMS motion of tissue by the affine, in pixels."""
    fractional_power_max_imag: float | None = None
    """Largest imaginary part that was dropped from a fractional power of the affine."""
    top_boundary_residual_mean: float | None = None
    """Mean absolute difference of output plane 0 and the deepest plane of before, in intensity."""
    bottom_boundary_residual_mean: float | None = None
    """Mean absolute difference of the last output plane and plane 0 of after, in intensity."""
    displaced_share: float | None = None
    """Share of the tissue that was displaced on top of the affine; elsewhere that made nothing more alike."""
    displacement_left_rms_px: float | None = None
    """RMS of the displacement on top of the affine, over tissue, in pixels."""
    min_jacobian: float | None = None
    """Least change of area by the displacement; above 0, it folds nowhere."""
    source_planes: int | None = None
    """Planes of each side whose mean is the source of the inner planes; 1: the faces alone."""
    source_noise: float | None = None
    """Standard deviation of the noise that is left in the sources, in intensity; 0 where there is none."""
    held_out_error: float | None = None
    """Error that holds for 90 % of the tissue of planes that were held out, as a share of what the planes
    around them differ by locally; empty where noise hides it or planes are too few."""
    brightness_step: float | None = None
    """Mean of the tissue next to the gap, of after over before; empty where 0 is not dark."""
    brightness_of_light: float | None = None
    """Share of that step that light makes and not anatomy: both slices take it back from top to bottom, or it
    is beyond 1.5. Which brightness belongs to which depth is not known then, and the interval says so. Empty
    where the step is not known, or the slices are too thin to tell."""
    uncertainty: IntervalModel | None = None
    """How the interval of each voxel was computed; empty where none was written."""

    nz_out: int | None = None
    """Planes that were made."""
    slice_id: SliceIdText | None = None
    """The missing slice, as tables write it."""
    slice_before_path: str | None = None
    """Path of the slice before, relative to this document."""
    slice_after_path: str | None = None
    """Path of the slice after, relative to this document."""
    output_path: str | None = None
    """Path of the interpolated slice, relative to this document; empty where none was written."""
    uncertainty_path: str | None = None
    """Path of the uncertainty of its voxels, relative to this document; empty where none was written."""
    settings: InterpolationSettings
    """All settings that were used."""
    versions: dict[str, str]
    """Versions of Python and of the packages that the result depends on, by name."""
    seconds: float
    """Wall time spent, in seconds."""

    @property
    def made_as(self) -> str:
        """What this interpolation is of."""
        return made_as(self.slice_id, self.slice_before_path or "", self.slice_after_path or "")
