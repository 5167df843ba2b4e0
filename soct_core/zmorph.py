"""zmorph: z-aware morphing of a single missing slice from its two boundary planes.

The boundary planes are chosen, registered and judged here; `morph` makes the planes. A failed
quality gate yields no volume. Source: SPEC sections 5 and 6.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.diagnostics import FallbackReason, InterpolationDiagnostics
from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.boundary_planes import OverlapPlanes, find_best_overlap_planes, reference_slab
from soct_core.common_shape import padded_to_common_shape
from soct_core.elastix import register
from soct_core.errors import RegistrationError, VolumeError
from soct_core.gates import Verdict, boundary_complaint, judge
from soct_core.measured import measured, stored_in
from soct_core.morph import Morph
from soct_core.registration_plane import RegistrationPlane, registration_plane
from soct_core.versions import software_versions
from soct_core.volume import Sliceable, same_voxel_size

__all__ = [
    "find_best_overlap_planes",
    "interpolate_z_morph",
    "prepare_morph",
]


@dataclass(frozen=True)
class Trial:
    """How far the preparation came, for the diagnostics."""

    reason: FallbackReason | None
    detail: str = ""
    planes: OverlapPlanes | None = None
    slab_before: tuple[int, int] | None = None
    slab_after: tuple[int, int] | None = None
    verdict: Verdict | None = None


def interpolate_z_morph(
    vol_before: Sliceable,
    vol_after: Sliceable,
    settings: InterpolationSettings | None = None,
    output_z: int | None = None,
) -> tuple[NDArray[Any] | None, InterpolationDiagnostics]:
    """Interpolate the slice missing between two volumes, or say why it cannot be done.

    Parameters
    ----------
    vol_before, vol_after
        Anything that slices like a numpy array, (z, y, x), real dtype. Only planes near the
        gap are read. Smaller planes are padded with zeros at the far edges.
    settings
        Gates and method; the defaults where left out.
    output_z
        Planes of the missing slice; by default as many as `vol_before` has.

    Returns
    -------
    volume : ndarray or None
        (output_z, y, x) of the inputs' dtype; None when a gate failed.
    diagnostics : InterpolationDiagnostics

    Raises
    ------
    VolumeError
        If a volume is not three-dimensional, is empty, or the dtypes differ.
    """
    settings = settings or InterpolationSettings()
    started = time.perf_counter()
    nz_out = vol_before.shape[0] if output_z is None else output_z
    morph, trial = prepare_morph(vol_before, vol_after, settings)
    volume = None if morph is None else np.stack(list(morph.planes(nz_out)))
    return volume, morph_diagnostics(trial, morph, settings, nz_out, time.perf_counter() - started)


def prepare_morph(
    vol_before: Sliceable, vol_after: Sliceable, settings: InterpolationSettings
) -> tuple[Morph | None, Trial]:
    """Find boundary planes, register and judge; the morph is None when a gate failed."""
    check_neighbours(vol_before, vol_after)
    sides = padded_to_common_shape(vol_before, vol_after)
    before, after = near_planes(*sides, settings)
    first = vol_before.shape[0] - len(before)
    found = find_best_overlap_planes(before, after, settings)
    planes = found and replace(found, ref_before=found.ref_before + first)
    if planes is None:
        share = f"{settings.min_foreground_fraction:.0%}"
        return None, Trial("no_foreground_planes", f"no boundary plane pair is {share} tissue")
    if planes.ncc < settings.min_overlap_correlation:
        detail = f"best NCC {planes.ncc:.3f}, wanted {settings.min_overlap_correlation} at least"
        return None, Trial("low_overlap_ncc", detail, planes)
    moving, (top, bottom) = reference_slab(before, planes.ref_before - first, settings.reference_slab_size)
    fixed, range_after = reference_slab(after, planes.ref_after, settings.reference_slab_size)
    verdict = _register_and_judge(fixed, moving, settings)
    range_before = top + first, bottom + first
    trial = Trial(verdict.reason, verdict.detail, planes, range_before, range_after, verdict)
    if verdict.reason is not None:
        return None, trial
    edges = before[-1], after[0]
    reason, detail = boundary_complaint(
        registration_plane(edges[0]), registration_plane(edges[1]), verdict, settings
    )
    if reason is not None:
        return None, replace(trial, reason=reason, detail=detail)
    where = measured(edges[0], stored_in(sides[0], -1)), measured(edges[1], stored_in(sides[1], 0))
    return Morph(*edges, verdict.motion, settings, where), trial


def morph_diagnostics(
    trial: Trial, morph: Morph | None, settings: InterpolationSettings, nz_out: int, seconds: float
) -> InterpolationDiagnostics:
    """Diagnostics of a preparation and of the planes that its morph yielded."""
    verdict, planes = trial.verdict, trial.planes
    motion = verdict.motion if verdict is not None and verdict.motion.is_finite() else None
    pre, post = (verdict.pre_ncc, verdict.post_ncc) if verdict else (None, None)
    return InterpolationDiagnostics(
        method="zmorph",
        method_used=None if morph is None else "zmorph",
        interpolation_failed=morph is None,
        fallback_reason=trial.reason,
        detail=trial.detail,
        gate=verdict.gate if verdict else None,
        ref_before=planes.ref_before if planes else None,
        ref_after=planes.ref_after if planes else None,
        slab_before_range=trial.slab_before,
        slab_after_range=trial.slab_after,
        overlap_ncc=planes.ncc if planes else None,
        pre_reg_ncc=pre,
        post_reg_ncc=post,
        ncc_improvement=None if pre is None or post is None else post - pre,
        tissue_overlap=verdict.overlap if verdict else None,
        affine_matrix=motion.matrix if motion else None,
        affine_translation=motion.translation if motion else None,
        affine_center=motion.center if motion else None,
        affine_determinant=motion.determinant if motion else None,
        displacement_rms_px=verdict.displacement_px if verdict else None,
        fractional_power_max_imag=morph.max_imaginary if morph else None,
        top_boundary_residual_mean=morph.residual_top if morph else None,
        bottom_boundary_residual_mean=morph.residual_bottom if morph else None,
        nz_out=None if morph is None else nz_out,
        settings=settings,
        versions=software_versions(),
        seconds=seconds,
    )


def near_planes(
    before: Sliceable, after: Sliceable, settings: InterpolationSettings
) -> tuple[NDArray[Any], NDArray[Any]]:
    """All planes, (z, y, x), that the search and its slabs can reach on each side, read once."""
    reach = settings.overlap_search_window + settings.reference_slab_size // 2
    return np.asarray(before[max(0, before.shape[0] - reach) :]), np.asarray(after[:reach])


def _register_and_judge(
    fixed: RegistrationPlane, moving: RegistrationPlane, settings: InterpolationSettings
) -> Verdict:
    try:
        motion = register(fixed, moving, "affine", settings.registration_metric, settings.max_iterations)
        return judge(motion, fixed, moving, settings)
    except RegistrationError as error:
        return Verdict(Affine2D.identity(), "registration_exception", str(error))


def check_neighbours(vol_before: Sliceable, vol_after: Sliceable) -> None:
    """Refuse volumes that cannot be the two sides of a gap; VolumeError says why."""
    for name, volume in (("before", vol_before), ("after", vol_after)):
        if len(volume.shape) != 3 or 0 in volume.shape:
            raise VolumeError(f"vol_{name} has shape {volume.shape}, wanted (z, y, x), none of them 0")
        if np.dtype(volume.dtype).kind not in "uif":
            raise VolumeError(f"vol_{name} has dtype {volume.dtype}, wanted a real number type")
    if vol_before.dtype != vol_after.dtype:
        raise VolumeError(f"vol_before is {vol_before.dtype}, vol_after {vol_after.dtype}, wanted the same")
    a, b = (getattr(volume, "voxel_size_um", None) for volume in (vol_before, vol_after))
    if a is not None and b is not None and not same_voxel_size(a, b):
        raise VolumeError(f"vol_before has voxels of {a} µm, vol_after of {b}, wanted the same")
