"""The quality gates of zmorph, asked: what must hold before a missing slice is filled.

A judgement returns the gates that it asked, with what was measured and what it was held against.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from schemas.diagnostics import FallbackReason, GateCheck, GateName, ImprovementGate
from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.registration.likeness import displacement_rms, ncc_before_and_after, tissue_overlap
from soct_core.registration.working_plane import RegistrationPlane
from soct_core.zmorph.gate_list import BOUNDARY_SHARE, Asked

SMALL_MOTION_FACTOR = 2.0
"""A motion of an aligned pair must gain so many times `min_ncc_improvement`. Measured: with less, gaps of
`benchmarks/truth.py` came out up to 0.5 dB worse than without the motion."""
FULL_GAIN_ROOM = 0.5
"""Room for a gain, 1 - NCC, from which on all of `min_ncc_improvement` is asked. An NCC that starts high
cannot rise by a fixed amount: 1 in 14 gaps worth filling was refused for it. 0.5 is chosen by hand."""
_MOST_SAID = 1e3
"""Largest stretch or shear that is recorded: a degenerate affine has infinite ones, and JSON no infinity."""


@dataclass(frozen=True)
class Verdict:
    """What the gates say of a transform, and the figures that decided."""

    motion: Affine2D
    reason: FallbackReason | None
    detail: str = ""
    checks: tuple[GateCheck, ...] = ()
    gate: ImprovementGate | None = None
    pre_ncc: float | None = None
    post_ncc: float | None = None
    displacement_px: float | None = None
    overlap: float | None = None


def judge(
    motion: Affine2D, fixed: RegistrationPlane, moving: RegistrationPlane, settings: InterpolationSettings
) -> Verdict:
    """Pass a transform through the gates of the slabs; leave in place what it does not improve.

    The identity is judged instead where the motion made things worse, and where a pair that is aligned
    already gains less than twice `min_ncc_improvement`: so small a motion blurs more than it mends.

    Parameters
    ----------
    motion
        In pixels of the slice.
    fixed, moving
        The slab of after, and that of before.
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


def judge_boundary(
    before: RegistrationPlane, after: RegistrationPlane, verdict: Verdict, settings: InterpolationSettings
) -> Verdict:
    """Ask whether the two planes that will be morphed are like the slabs that were registered.

    A pair of good planes nearby must not let a blank, torn or foreign boundary plane pass. Single
    planes need less likeness than slabs, which average speckle away.
    """
    asked = Asked()
    share = min(before.tissue_fraction, after.tissue_fraction)
    least = settings.min_foreground_fraction
    if asked.ask("boundary_tissue", share, least, f"a boundary plane itself is {share:.0%} tissue"):
        motion = _reduced(verdict.motion, after.factor)
        overlap = tissue_overlap(after, before, motion)
        said = f"the boundary planes themselves share {overlap:.0%} of their tissue"
        if asked.ask("boundary_overlap", overlap, settings.min_tissue_overlap, said):
            wanted = max(settings.min_overlap_correlation, BOUNDARY_SHARE * (verdict.post_ncc or 0.0))
            _, ncc = ncc_before_and_after(after, before, motion)
            said = f"NCC of the boundary planes themselves {ncc:.3f}, wanted {wanted:.3f}"
            asked.ask("boundary_ncc", ncc, wanted, said)
    checks = (*verdict.checks, *asked.checks)
    return replace(
        verdict, checks=checks, reason=asked.reason, detail=asked.detail if asked.reason else verdict.detail
    )


def wanted_gain(pre: float, min_ncc_improvement: float) -> float:
    """The gain in NCC that a motion of tissue must bring, from an NCC of `pre`.

    All of `min_ncc_improvement` up to an NCC of 0.5; above that, less in proportion to what is left to gain.
    """
    return min_ncc_improvement * min(1.0, (1.0 - pre) / FULL_GAIN_ROOM)


def _judge_one(
    motion: Affine2D, fixed: RegistrationPlane, moving: RegistrationPlane, settings: InterpolationSettings
) -> Verdict:
    asked = Asked()
    if not motion.is_finite():
        asked.give_up("the affine is not finite")
    else:
        determinant = motion.determinant
        said = f"determinant {determinant:.3g}, wanted > 0"
        if asked.ask("determinant", determinant, 0.0, said):
            _ask_plausible(asked, motion, fixed, settings)
    if asked.reason is not None:
        return Verdict(motion, asked.reason, asked.detail, tuple(asked.checks))
    factor = fixed.factor
    on_grid = _reduced(motion, factor)
    displacement = displacement_rms(on_grid, fixed.tissue) * factor
    pre, post = ncc_before_and_after(fixed, moving, on_grid)
    aligned = displacement <= settings.aligned_displacement_px
    overlap = tissue_overlap(fixed, moving, on_grid)
    _ask_improved(asked, pre, post, aligned, settings)
    least = settings.min_tissue_overlap
    said = f"{overlap:.0%} of the tissue is in both, wanted {least:.0%} at least"
    asked.ask("tissue_overlap", overlap, least, said)
    least = settings.min_post_correlation
    asked.ask("post_ncc", post, least, f"NCC {post:.3f} at best, wanted {least} at least")
    return Verdict(
        motion,
        asked.reason,
        asked.detail,
        tuple(asked.checks),
        "already_aligned" if aligned else "improved",
        pre,
        post,
        displacement,
        overlap,
    )


def _ask_improved(
    asked: Asked, pre: float, post: float, aligned: bool, settings: InterpolationSettings
) -> None:
    gain, least = post - pre, settings.min_overlap_correlation
    if not aligned:
        wanted = wanted_gain(pre, settings.min_ncc_improvement)
        asked.ask("gain", gain, wanted, f"NCC {pre:.3f} to {post:.3f}, wanted a gain of {wanted:.3f}")
        return
    asked.ask("aligned_gain", gain, 0.0, f"aligned already, but NCC fell from {pre:.3f} to {post:.3f}")
    asked.ask("aligned_ncc", post, least, f"aligned already, but NCC {post:.3f}, wanted {least} at least")


def _ask_plausible(
    asked: Asked, motion: Affine2D, fixed: RegistrationPlane, settings: InterpolationSettings
) -> None:
    """Ask whether a cut can have moved tissue like this."""
    parts = motion.parts()
    stretch = max(max(scale, 1 / scale) if scale > 0 else np.inf for scale in (parts.scale_x, parts.scale_y))
    shift = _tissue_shift(motion, fixed) / (max(fixed.shape) * fixed.factor)
    limits: tuple[tuple[GateName, float, float, str], ...] = (
        ("rotation", abs(parts.rotation_deg), settings.max_rotation_deg, " degrees"),
        ("scale", stretch, settings.max_scale, " times"),
        ("shear", abs(parts.shear), settings.max_shear, ""),
        ("shift", shift, settings.max_shift_fraction, " of the plane"),
    )
    for name, value, limit, unit in limits:
        said = f"{name} {value:.3g}{unit}, wanted {limit} at most"
        asked.ask(name, min(value, _MOST_SAID), limit, said)


def _tissue_shift(motion: Affine2D, fixed: RegistrationPlane) -> float:
    y, x = np.nonzero(fixed.tissue)
    if y.size == 0:
        return 0.0
    middle = (np.array([x.mean(), y.mean()]) + 0.5) * fixed.factor - 0.5
    return float(np.linalg.norm(motion.apply(middle) - middle))


def _reduced(motion: Affine2D, factor: int) -> Affine2D:
    """A motion in pixels of the slice, on the working grid."""
    return motion if factor == 1 else motion.scaled(1 / factor)
