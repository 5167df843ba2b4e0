"""The quality gates of zmorph, asked: what must hold before a missing slice is filled.

A judgement returns the gates that it asked, with what was measured and what it was held against.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from schemas.diagnostics import FallbackReason, GateCheck, GateName, ImprovementGate
from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.arrays import Mask
from soct_core.registration.evidence import Evidence, Rivals, rivals_of, weigh
from soct_core.registration.likeness import displacement_rms, ncc, ncc_before_and_after, tissue_overlap
from soct_core.registration.working_plane import ReducedPlanes, RegistrationPlane
from soct_core.zmorph.gate_list import BOUNDARY_SHARE, Asked

SMALL_MOTION_FACTOR = 2.0
"""A motion of an aligned pair must gain so many times `min_ncc_improvement`. Measured: with less, gaps of
`benchmarks/truth.py` came out up to 0.5 dB worse than without the motion."""
FULL_GAIN_ROOM = 0.5
"""Room for a gain, 1 - NCC, from which on all of `min_ncc_improvement` is asked. An NCC that starts high
cannot rise by a fixed amount: 1 in 14 gaps worth filling was refused for it. 0.5 is chosen by hand."""
UNTELLING_MARGIN = 0.02
"""A mirror margin below says nothing of which is the mirror image. Chosen by hand."""
UNTELLING = "a mirror image fits as well: nothing tells the two apart"
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
    evidence: Evidence | None = None


def judge(
    motion: Affine2D,
    fixed: RegistrationPlane,
    moving: RegistrationPlane,
    settings: InterpolationSettings,
    far: tuple[RegistrationPlane | None, RegistrationPlane | None] = (None, None),
) -> Verdict:
    """Pass a transform through the gates of the slabs; leave in place what it does not improve.

    The identity is judged instead wherever the motion is not earned: where a gate refuses it, and where a
    pair that is aligned already gains less than twice `min_ncc_improvement`, as so small a motion blurs
    more than it mends.

    Parameters
    ----------
    motion
        In pixels of the slice.
    fixed, moving
        The slab of after, and that of before.
    far
        Slabs of the same two slices, after and before, that lie further from the gap.
    """
    rivals = rivals_of(fixed, moving, "affine", far)
    verdict = _judge_one(motion, fixed, moving, rivals, settings)
    gain = (verdict.post_ncc or 0.0) - (verdict.pre_ncc or 0.0)
    small = verdict.gate == "already_aligned" and gain < SMALL_MOTION_FACTOR * settings.min_ncc_improvement
    if verdict.reason is not None or small:
        still = _judge_one(
            Affine2D.identity(motion.center), fixed, moving, rivals, settings, verdict.evidence
        )
        if still.reason is None:
            moved = "no plausible motion"
            if verdict.displacement_px is not None:
                moved = f"{verdict.displacement_px:.2f} px for a gain in NCC of {gain:.3f}"
            said = "; ".join(filter(None, (f"left in place: registration found {moved}", still.detail)))
            return replace(still, detail=said)
    return verdict


def judge_boundary(
    before: ReducedPlanes,
    after: ReducedPlanes,
    size: int,
    verdict: Verdict,
    settings: InterpolationSettings,
) -> Verdict:
    """Ask whether the two planes that will be morphed are like the slabs that were registered.

    Good planes behind it must not let a blank, torn or foreign plane at the gap pass. It is held against
    its own slice: how much a plane of that noise resembles the planes behind it.

    Parameters
    ----------
    before, after
        Planes of each side, the one nearest the gap first.
    size
        Planes, from the gap on, that are averaged against noise.
    """
    asked = Asked()
    edges = before.plane(0, size - 1), after.plane(0, size - 1)
    share = min(edge.tissue_fraction for edge in edges)
    least = settings.min_foreground_fraction
    if asked.ask("boundary_tissue", share, least, f"a boundary plane itself is {share:.0%} tissue"):
        motion = edges[1].on_grid(verdict.motion)
        overlap = tissue_overlap(edges[1], edges[0], motion)
        said = f"the boundary planes themselves share {overlap:.0%} of their tissue"
        if asked.ask("boundary_overlap", overlap, settings.min_tissue_overlap, said):
            _, across = ncc_before_and_after(edges[1], edges[0], motion)
            slabs = verdict.post_ncc or 0.0
            crossing = across / slabs if slabs > 0 else 0.0
            own = [_share_of_own(side, size) for side in (before, after)]
            value = min(crossing if one is None else one for one in own)
            said = f"a boundary plane has {value:.0%} of the likeness wanted of it"
            asked.ask("boundary_ncc", min(value, 1.0), BOUNDARY_SHARE, said)
    checks = (*verdict.checks, *asked.checks)
    return replace(
        verdict, checks=checks, reason=asked.reason, detail=asked.detail if asked.reason else verdict.detail
    )


def _share_of_own(side: ReducedPlanes, size: int) -> float | None:
    """Likeness of the plane at the gap to the planes behind it, as a share of the best that others have.

    None where the slice has too few planes, or others have none.
    """
    size = min(size, len(side) - 2)
    if size < 1:
        return None
    tissue = side.plane(0, size).tissue
    found = [
        _own_likeness(side.plane(i, i), side.plane(i + 1, i + size), tissue) for i in range(len(side) - size)
    ]
    best = max(found[1:])
    return found[0] / best if best > 0 else None


def _own_likeness(plane: RegistrationPlane, behind: RegistrationPlane, tissue: Mask) -> float:
    """NCC of a plane and the planes behind it, over what both measured."""
    where = tissue if tissue.any() else np.ones_like(tissue)
    for one in (plane, behind):
        where = where if one.measured is None else where & one.measured
    return ncc(plane.smooth, behind.smooth, where)


def wanted_gain(pre: float, min_ncc_improvement: float) -> float:
    """The gain in NCC that a motion of tissue must bring, from an NCC of `pre`.

    All of `min_ncc_improvement` up to an NCC of 0.5; above that, less in proportion to what is left to gain.
    """
    return min_ncc_improvement * min(1.0, (1.0 - pre) / FULL_GAIN_ROOM)


def _judge_one(
    motion: Affine2D,
    fixed: RegistrationPlane,
    moving: RegistrationPlane,
    rivals: Rivals,
    settings: InterpolationSettings,
    known: Evidence | None = None,
) -> Verdict:
    """Judge one motion; `known` is evidence for the same pair from another, plausible one.

    Whether two planes are neighbours does not hang on whether they are left in place.
    """
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
    on_grid = fixed.on_grid(motion)
    displacement = displacement_rms(on_grid, fixed.tissue) * fixed.factor
    pre, post = ncc_before_and_after(fixed, moving, on_grid)
    aligned = displacement <= settings.aligned_displacement_px
    overlap = tissue_overlap(fixed, moving, on_grid)
    _ask_improved(asked, pre, post, aligned, settings)
    least = settings.min_tissue_overlap
    said = f"{overlap:.0%} of the tissue is in both, wanted {least:.0%} at least"
    asked.ask("tissue_overlap", overlap, least, said)
    evidence = weigh(fixed, moving, on_grid, rivals)
    if known is not None and known.log_odds > evidence.log_odds:
        evidence = known
    _ask_neighbours(asked, evidence, settings)
    least = settings.min_post_correlation
    asked.ask("post_ncc", post, least, f"NCC {post:.3f} at best, wanted {least} at least")
    symmetric = evidence.mirror_margin <= UNTELLING_MARGIN
    return Verdict(
        motion,
        asked.reason,
        asked.detail or (UNTELLING if symmetric else ""),
        tuple(asked.checks),
        "already_aligned" if aligned else "improved",
        pre,
        post,
        displacement,
        overlap,
        evidence,
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


def _ask_neighbours(asked: Asked, evidence: Evidence, settings: InterpolationSettings) -> None:
    margin, least = evidence.mirror_margin, -settings.max_mirror_margin
    said = f"a mirror image fits better, NCC {evidence.mirror_likeness:.3f} beside {evidence.likeness:.3f}"
    asked.ask("mirror", margin, least, said)
    odds, least = evidence.log_odds, settings.min_neighbour_odds
    said = f"log odds {odds:.2f} of being neighbours, wanted {least} at least"
    asked.ask("neighbours", odds, least, said)


def _ask_plausible(
    asked: Asked, motion: Affine2D, fixed: RegistrationPlane, settings: InterpolationSettings
) -> None:
    """Ask whether a cut can have moved tissue like this; in square pixels, as tissue knows no others."""
    on_grid = fixed.on_grid(motion)
    parts = on_grid.parts()
    stretch = max(max(scale, 1 / scale) if scale > 0 else np.inf for scale in (parts.scale_x, parts.scale_y))
    shift = _tissue_shift(on_grid, fixed) / max(fixed.shape)
    limits: tuple[tuple[GateName, float, float, str], ...] = (
        ("rotation", abs(parts.rotation_deg), settings.max_rotation_deg, " degrees"),
        ("scale", stretch, settings.max_scale, " times"),
        ("shear", abs(parts.shear), settings.max_shear, ""),
        ("shift", shift, settings.max_shift_fraction, " of the plane"),
    )
    for name, value, limit, unit in limits:
        said = f"{name} {value:.3g}{unit}, wanted {limit} at most"
        asked.ask(name, min(value, _MOST_SAID), limit, said)


def _tissue_shift(on_grid: Affine2D, fixed: RegistrationPlane) -> float:
    y, x = np.nonzero(fixed.tissue)
    if y.size == 0:
        return 0.0
    middle = np.array([x.mean(), y.mean()])
    return float(np.linalg.norm(on_grid.apply(middle) - middle))
