"""The quality gates of zmorph: what must hold before a missing slice is filled."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from schemas.diagnostics import FallbackReason, Gate
from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.likeness import displacement_rms, ncc_before_and_after, tissue_overlap
from soct_core.registration_plane import RegistrationPlane

BOUNDARY_SHARE = 0.7
"""Share of the slabs' NCC that the boundary planes themselves must reach."""

SMALL_MOTION_FACTOR = 2.0
"""Of `min_ncc_improvement`, that a motion of an aligned pair must gain: below, gaps came out up to 0.5 dB
worse than without it."""
FULL_GAIN_ROOM = 0.5
"""An NCC that starts high cannot rise by a fixed amount: 1 in 14 gaps worth filling was refused for it."""


@dataclass(frozen=True)
class Verdict:
    """What the gates say of a transform, and the figures that decided."""

    motion: Affine2D
    reason: FallbackReason | None
    detail: str = ""
    gate: Gate | None = None
    pre_ncc: float | None = None
    post_ncc: float | None = None
    displacement_px: float | None = None
    overlap: float | None = None


def judge(
    motion: Affine2D, fixed: RegistrationPlane, moving: RegistrationPlane, settings: InterpolationSettings
) -> Verdict:
    """Pass a transform through all gates; leave in place what the transform does not improve.

    `motion` is in pixels of the slice, fixed the slab of after, moving that of before. The
    identity is judged instead where the motion made things worse, and where a pair that is aligned
    already gains less than twice `min_ncc_improvement`: so small a motion blurs more than it mends.
    """
    verdict = _judge_one(motion, fixed, moving, settings)
    if verdict.pre_ncc is None or verdict.post_ncc is None:
        return verdict
    gain = verdict.post_ncc - verdict.pre_ncc
    aligned = verdict.gate == "already_aligned"
    earned = verdict.reason is None and (
        not aligned or gain >= SMALL_MOTION_FACTOR * settings.min_ncc_improvement
    )
    if not earned and (aligned or gain < 0):
        still = _judge_one(Affine2D.identity(motion.center), fixed, moving, settings)
        if still.reason is None:
            moved = f"{verdict.displacement_px:.2f} px for a gain in NCC of {gain:.3f}"
            return replace(still, detail=f"left in place: registration found {moved}")
    return verdict


def boundary_complaint(
    before: RegistrationPlane, after: RegistrationPlane, verdict: Verdict, settings: InterpolationSettings
) -> tuple[FallbackReason | None, str]:
    """Whether the two planes that will be morphed are like the slabs that were registered.

    A pair of good planes nearby must not let a blank, torn or foreign boundary plane pass. Of
    single planes less likeness is asked than of slabs, which average speckle away.
    """
    share = min(before.tissue_fraction, after.tissue_fraction)
    if share < settings.min_foreground_fraction:
        return "no_foreground_planes", f"a boundary plane itself is {share:.0%} tissue"
    motion = _reduced(verdict.motion, after.factor)
    overlap = tissue_overlap(after, before, motion)
    if overlap < settings.min_tissue_overlap:
        return "low_tissue_overlap", f"the boundary planes themselves share {overlap:.0%} of their tissue"
    wanted = max(settings.min_overlap_correlation, BOUNDARY_SHARE * (verdict.post_ncc or 0.0))
    _, found = ncc_before_and_after(after, before, motion)
    if found < wanted:
        return "low_post_ncc", f"NCC of the boundary planes themselves {found:.3f}, wanted {wanted:.3f}"
    return None, ""


def wanted_gain(pre: float, min_ncc_improvement: float) -> float:
    """The gain in NCC that a motion of tissue must bring, from an NCC of `pre`.

    All of `min_ncc_improvement` up to an NCC of 0.5; above, the less the less is left to gain.
    """
    return min_ncc_improvement * min(1.0, (1.0 - pre) / FULL_GAIN_ROOM)


def _judge_one(
    motion: Affine2D, fixed: RegistrationPlane, moving: RegistrationPlane, settings: InterpolationSettings
) -> Verdict:
    if not motion.is_finite():
        return Verdict(motion, "registration_exception", "the affine is not finite")
    if motion.determinant <= 0:
        return Verdict(
            motion, "affine_determinant_non_positive", f"determinant {motion.determinant:.3g}, wanted > 0"
        )
    implausible = _implausible(motion, fixed, settings)
    if implausible:
        return Verdict(motion, "implausible_affine", implausible)
    factor = fixed.factor
    on_grid = _reduced(motion, factor)
    displacement = displacement_rms(on_grid, fixed.tissue) * factor
    pre, post = ncc_before_and_after(fixed, moving, on_grid)
    gate: Gate = "already_aligned" if displacement <= settings.aligned_displacement_px else "improved"
    overlap = tissue_overlap(fixed, moving, on_grid)
    reason, detail = _complaint(gate, pre, post, overlap, settings)
    return Verdict(motion, reason, detail, gate, pre, post, displacement, overlap)


def _complaint(
    gate: Gate, pre: float, post: float, overlap: float, settings: InterpolationSettings
) -> tuple[FallbackReason | None, str]:
    s = settings
    wanted = wanted_gain(pre, s.min_ncc_improvement)
    if gate == "improved" and post - pre < wanted:
        detail = f"NCC {pre:.3f} to {post:.3f}, wanted a gain of {wanted:.3f}"
        return "reg_did_not_improve", detail
    if gate == "already_aligned" and post < pre:
        return "reg_did_not_improve", f"aligned already, but NCC fell from {pre:.3f} to {post:.3f}"
    if gate == "already_aligned" and post < s.min_overlap_correlation:
        detail = f"aligned already, but NCC {post:.3f}, wanted {s.min_overlap_correlation} at least"
        return "reg_did_not_improve", detail
    if overlap < s.min_tissue_overlap:
        detail = f"{overlap:.0%} of the tissue is in both, wanted {s.min_tissue_overlap:.0%} at least"
        return "low_tissue_overlap", detail
    if post < s.min_post_correlation:
        return "low_post_ncc", f"NCC {post:.3f} at best, wanted {s.min_post_correlation} at least"
    return None, ""


def _implausible(motion: Affine2D, fixed: RegistrationPlane, settings: InterpolationSettings) -> str:
    """Why no cut can have moved tissue like this; empty if one can."""
    parts = motion.parts()
    stretch = max(max(scale, 1 / scale) if scale > 0 else np.inf for scale in (parts.scale_x, parts.scale_y))
    shift = _tissue_shift(motion, fixed) / (max(fixed.shape) * fixed.factor)
    limits = (
        ("rotation", abs(parts.rotation_deg), settings.max_rotation_deg, "degrees"),
        ("scale", stretch, settings.max_scale, "times"),
        ("shear", abs(parts.shear), settings.max_shear, ""),
        ("shift", shift, settings.max_shift_fraction, "of the plane"),
    )
    return "; ".join(
        f"{name} {value:.3g} {unit}, wanted {limit} at most".replace("  ", " ").replace(" ,", ",")
        for name, value, limit, unit in limits
        if value > limit
    )


def _tissue_shift(motion: Affine2D, fixed: RegistrationPlane) -> float:
    y, x = np.nonzero(fixed.tissue)
    if y.size == 0:
        return 0.0
    middle = (np.array([x.mean(), y.mean()]) + 0.5) * fixed.factor - 0.5
    return float(np.linalg.norm(motion.apply(middle) - middle))


def _reduced(motion: Affine2D, factor: int) -> Affine2D:
    """A motion in pixels of the slice, on the working grid."""
    return motion if factor == 1 else motion.scaled(1 / factor)
