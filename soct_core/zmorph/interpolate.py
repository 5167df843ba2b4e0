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

from schemas.diagnostics import NO_MOTION, FallbackReason, GateCheck, InterpolationDiagnostics
from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.arrays import Sliceable
from soct_core.errors import RegistrationError
from soct_core.registration.register import register
from soct_core.registration.working_plane import RegistrationPlane
from soct_core.versions import software_versions
from soct_core.volume.views import check_neighbours, padded_to_common_shape
from soct_core.zmorph.boundary_planes import (
    MIN_TISSUE,
    OverlapPlanes,
    OverlapSearch,
    coarse_motion,
    find_best_overlap_planes,
    search_overlap_planes,
)
from soct_core.zmorph.gate_list import Asked
from soct_core.zmorph.gates import Verdict, judge, judge_boundary
from soct_core.zmorph.morph import Morph, Refined
from soct_core.zmorph.near_planes import NearSide
from soct_core.zmorph.reference_slab import most_planes, slab_around, slab_size
from soct_core.zmorph.refinement import near_sides, refinement
from soct_core.zmorph.sides import Side

__all__ = [
    "find_best_overlap_planes",
    "interpolate_z_morph",
    "prepare_morph",
]


@dataclass(frozen=True)
class Trial:
    """How far the preparation came, for the diagnostics."""

    checks: tuple[GateCheck, ...]
    """The gates that were asked."""
    reason: FallbackReason | None
    detail: str = ""
    planes: OverlapPlanes | None = None
    slab_before: tuple[int, int] | None = None
    slab_after: tuple[int, int] | None = None
    verdict: Verdict | None = None
    averaged: int = 1
    """Planes next to the gap whose mean stands for the face, against noise."""


def interpolate_z_morph(
    vol_before: Sliceable,
    vol_after: Sliceable,
    settings: InterpolationSettings | None = None,
    output_z: int | None = None,
) -> tuple[NDArray[Any] | None, InterpolationDiagnostics]:
    """Interpolate the slice missing between two volumes, or say why it cannot be done.

    Parameters
    ----------
    vol_before, vol_after : array-like, (z, y, x)
        Anything that slices like a numpy array, of one real dtype. Only planes near the gap, and a few
        at the far ends, are read. Smaller planes are padded with zeros at the far edges.
    settings : InterpolationSettings, optional
        Gates and blending; the defaults where left out.
    output_z : int, optional
        Planes of the missing slice; by default as many as `vol_before` has.

    Returns
    -------
    volume : ndarray or None
        (output_z, y, x), of the dtype of the inputs; None when a gate failed.
    diagnostics : InterpolationDiagnostics
        What was measured and decided; `fallback_reason` says why there is no volume.

    Raises
    ------
    VolumeError
        If a volume is not (z, y, x) or is empty, or dtypes or voxel sizes differ.
    ValueError
        If `output_z` is below 1 and no gate failed.

    Examples
    --------
    The tissue moves by 3 px across the gap; the planes between are led from one side to the other.

    >>> import numpy as np
    >>> from soct_core.zmorph import interpolate_z_morph
    >>> y, x = np.mgrid[-1:1:64j, -1:1:64j]
    >>> plane = 100 + 1000 * (np.hypot(y, x) < 0.7) * (1.2 + np.sin(9 * x) * np.cos(7 * y + 2 * x))
    >>> before = np.stack([plane] * 4).astype(np.float32)
    >>> after = np.roll(before, 3, axis=2)
    >>> volume, diagnostics = interpolate_z_morph(before, after, output_z=5)
    >>> volume.shape, bool((volume[0] == before[-1]).all()), bool((volume[-1] == after[0]).all())
    ((5, 64, 64), True, True)
    >>> diagnostics.gate, round(diagnostics.displacement_rms_px, 1)
    ('improved', 3.0)

    Where a gate fails there is no volume.

    >>> nothing, diagnostics = interpolate_z_morph(np.zeros_like(before), after)
    >>> nothing is None, diagnostics.fallback_reason
    (True, 'no_foreground_planes')
    """
    settings = settings or InterpolationSettings()
    started = time.perf_counter()
    nz_out = vol_before.shape[0] if output_z is None else output_z
    morph, trial = prepare_morph(vol_before, vol_after, settings, nz_out)
    volume = None if morph is None else np.stack(list(morph.planes(nz_out)))
    return volume, morph_diagnostics(trial, morph, settings, nz_out, time.perf_counter() - started)


def prepare_morph(
    vol_before: Sliceable, vol_after: Sliceable, settings: InterpolationSettings, nz_out: int
) -> tuple[Morph | None, Trial]:
    """Find boundary planes, register and judge; the morph, of `nz_out` planes, is None when a gate failed."""
    check_neighbours(vol_before, vol_after)
    above, below = padded_to_common_shape(vol_before, vol_after)
    before, after = near_sides(above, below, settings)
    trial = judge_sides(before, after, settings, depth=vol_before.shape[0])
    if trial.reason is not None or trial.verdict is None:
        return None, trial
    refined = refinement(
        (above, below), (before, after), trial.verdict.motion, settings, (trial.averaged, nz_out)
    )
    sides = Side(above, refined.planes, above=True), Side(below, refined.planes)
    return Morph(*sides, trial.verdict.motion, settings, refined), trial


def judge_sides(before: NearSide, after: NearSide, settings: InterpolationSettings, depth: int) -> Trial:
    """Choose slabs, register them and pass them through the gates.

    Parameters
    ----------
    depth
        Planes of the slice before the gap: the diagnostics count from its first.
    """
    above, below, wanted = before.planes, after.planes, settings.reference_slab_size
    size = slab_size((above, below), wanted, most_planes(wanted, before.plane_um))
    averaged = size if wanted == "auto" else 1
    asked = Asked()
    motion = coarse_motion(below.plane(0, averaged - 1), above.plane(0, averaged - 1))
    found = search_overlap_planes(above, below, motion, settings, averaged)
    planes = found.best and replace(found.best, ref_before=depth - 1 - found.best.ref_before)
    _ask_overlap(asked, found, settings)
    if found.best is None or (asked.reason is not None and not settings.accepted_by_hand):
        return Trial(tuple(asked.checks), asked.reason, asked.detail, planes)
    range_before, range_after = (0, min(size, len(above)) - 1), (0, min(size, len(below)) - 1)
    if wanted != "auto":
        range_before = slab_around(found.best.ref_before, size, len(above), above=True)
        range_after = slab_around(found.best.ref_after, size, len(below), above=False)
    fixed, moving = below.plane(*range_after), above.plane(*range_before)
    far = after.far_slab(range_after[1] + 1), before.far_slab(range_before[1] + 1)
    verdict = _register_and_judge(fixed, moving, far, settings)
    if verdict.reason is None:
        verdict = judge_boundary(above, below, averaged, verdict, settings)
    slab_before = depth - 1 - range_before[1], depth - 1 - range_before[0]
    checks = (*asked.checks, *verdict.checks)
    reason, detail = asked.reason or verdict.reason, asked.detail or verdict.detail
    trial = Trial(checks, reason, detail, planes, slab_before, range_after, verdict, averaged)
    return _accepted(trial) if settings.accepted_by_hand else trial


def _accepted(trial: Trial) -> Trial:
    """What a person has accepted although gates failed; where there is no motion, nothing can be accepted."""
    verdict = trial.verdict
    if trial.reason is None or verdict is None or {trial.reason, verdict.reason} & NO_MOTION:
        return trial
    said = f"accepted by hand although {trial.reason}: {trial.detail}"
    return replace(
        trial, reason=None, detail=said, verdict=replace(verdict, reason=None, gate="accepted_by_hand")
    )


def morph_diagnostics(
    trial: Trial, morph: Morph | None, settings: InterpolationSettings, nz_out: int, seconds: float
) -> InterpolationDiagnostics:
    """Diagnostics of a preparation and of the planes that its morph yielded."""
    verdict, planes = trial.verdict, trial.planes
    motion = verdict.motion if verdict is not None and verdict.motion.is_finite() else None
    pre, post = (verdict.pre_ncc, verdict.post_ncc) if verdict else (None, None)
    found = InterpolationDiagnostics(
        method="zmorph",
        method_used=None if morph is None else "zmorph",
        interpolation_failed=morph is None,
        fallback_reason=trial.reason,
        detail=trial.detail,
        gate=verdict.gate if verdict else None,
        gates=trial.checks,
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
    return found if morph is None else found.model_copy(update=_refinement(morph.refined))


def _refinement(refined: Refined) -> dict[str, float | int | None]:
    """What was added to the affine and the faces, by the names of the diagnostics."""
    left = refined.displacement
    return {
        "displaced_share": left.share if left else 0.0,
        "displacement_left_rms_px": left.rms_px if left else 0.0,
        "min_jacobian": left.min_jacobian if left else 1.0,
        "source_planes": refined.planes,
        "source_noise": refined.source_noise,
        "held_out_error": refined.held_out_error,
        "brightness_step": refined.brightness.step,
        "brightness_of_light": refined.brightness.of_light,
    }


def _ask_overlap(asked: Asked, found: OverlapSearch, settings: InterpolationSettings) -> None:
    least = settings.min_foreground_fraction
    # Without a pair of planes the gate must fail, even where its limit is 0.
    share = found.tissue_share if found.best else min(found.tissue_share, least - MIN_TISSUE)
    asked.ask("tissue", share, least, f"no boundary plane pair is {least:.0%} tissue")
    if found.best is not None:
        ncc, least = found.best.ncc, settings.min_overlap_correlation
        asked.ask("overlap_ncc", ncc, least, f"best NCC {ncc:.3f}, wanted {least} at least")


def _register_and_judge(
    fixed: RegistrationPlane,
    moving: RegistrationPlane,
    far: tuple[RegistrationPlane | None, RegistrationPlane | None],
    settings: InterpolationSettings,
) -> Verdict:
    try:
        motion = register(fixed, moving, "affine", settings).motion
        return judge(motion, fixed, moving, settings, far)
    except RegistrationError as error:
        asked = Asked()
        asked.give_up(str(error))
        return Verdict(Affine2D.identity(), asked.reason, asked.detail, tuple(asked.checks))
