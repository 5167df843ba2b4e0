"""Registration of two planes: found by ECC, refined by elastix, and how far the two disagree.

Convention: `moving(T(x)) ~ fixed(x)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from schemas.settings import RegistrationEngine, RegistrationMetric
from soct_core.affine import Affine2D, Freedom, plane_center
from soct_core.errors import RegistrationError
from soct_core.planes.warp import warp
from soct_core.registration.ecc import LEVELS, Alignment, align
from soct_core.registration.elastix import optimise, refuse_unregistrable
from soct_core.registration.likeness import displacement_rms, ncc_before_and_after
from soct_core.registration.phase_correlation import coarse_shift
from soct_core.registration.working_plane import RegistrationPlane

SCHEDULE = (16, 8, 4, 2)
"""Smoothing of the levels of elastix on its own, in pixels of the working grid. Measured on real planes of
about 1000 px, 200 µm apart: median error 0.10 px in 0.26 s; 64-32-16-8 on all pixels has 0.09 px in 0.98 s,
and elastix's defaults (mutual information, 8-4-2-1) 0.84 px in 1.39 s."""
MOST_AREA = 2.0
"""By which an affine motion may stretch or shrink area, far beyond any gate. Chosen by hand."""
REFINING_SCHEDULE = (2,)
"""Where ECC has been before: its last level."""
REFINING_SHARE = 10
"""Of `max_iterations` one in so many is left to a refinement: 100 steps at one level cost 0.04 s, and end
within 0.01 px of where 1000 at four levels do (real planes, known drift)."""


class RegistrationChoice(Protocol):
    """The settings that a registration needs, of whatever stage."""

    @property
    def registration_engine(self) -> RegistrationEngine: ...
    @property
    def registration_metric(self) -> RegistrationMetric: ...
    @property
    def max_iterations(self) -> int: ...


@dataclass(frozen=True)
class Registration:
    """What was found."""

    motion: Affine2D
    """In pixels of the slice, about the plane's centre."""
    disagreement_px: float | None
    """RMS distance over tissue between what ECC and elastix found, in square pixels of the slice; None where
    only one of them was asked."""


def register(
    fixed: RegistrationPlane, moving: RegistrationPlane, freedom: Freedom, choice: RegistrationChoice
) -> Registration:
    """Find T with `moving(T(x)) ~ fixed(x)`. Deterministic: the same planes give the same bits.

    Raises
    ------
    RegistrationError
        If a plane is too small or constant, or no optimiser finds a transform.
    """
    for name, plane in (("fixed", fixed), ("moving", moving)):
        refuse_unregistrable(name, plane.image)
    engine = choice.registration_engine
    found = None if engine == "elastix" else best_alignment(fixed, moving, freedom)
    if engine == "ecc" and found is None:
        raise RegistrationError("ECC found nothing in common")
    motion, disagreement = Affine2D.identity() if found is None else found.motion, None
    if found is None:
        motion = _elastix(fixed, moving, freedom, choice, coarse_shift(fixed, moving), refine=False)
    elif engine == "ecc_elastix":
        refined = _elastix(fixed, moving, freedom, choice, motion, refine=True)
        disagreement = displacement_rms(refined.inverse().compose(motion), fixed.tissue) * fixed.factor
        motion = _better(fixed, moving, motion, refined)
    motion = fixed.in_slice(motion.about(plane_center(fixed.shape)))
    if not motion.is_finite():
        raise RegistrationError("registration returned a transform that is not finite")
    return Registration(motion, disagreement)


def best_alignment(
    fixed: RegistrationPlane,
    moving: RegistrationPlane,
    freedom: Freedom,
    levels: tuple[int, ...] = LEVELS,
) -> Alignment | None:
    """ECC from where the planes lie, and from the coarse shift; the better one, on the working grid.

    An affine motion that has run away to a sliver of the plane, where anything correlates, does not count;
    where both have, the rigid motion is taken.
    """
    shift = coarse_shift(fixed, moving)
    starts = [Affine2D.identity()] if shift == Affine2D.identity() else [Affine2D.identity(), shift]
    found = [one for start in starts if (one := align(fixed, moving, freedom, start, levels)) is not None]
    if freedom == "affine":
        kept = [one for one in found if 1 / MOST_AREA <= one.motion.determinant <= MOST_AREA]
        found = kept or [
            one for start in starts if (one := align(fixed, moving, "rigid", start, levels)) is not None
        ]
    return max(found, key=lambda one: one.correlation, default=None)


def _better(
    fixed: RegistrationPlane, moving: RegistrationPlane, start: Affine2D, refined: Affine2D
) -> Affine2D:
    """The refined motion, unless it is worse than its start."""
    if not refined.is_finite() or refined.determinant <= 0:
        return start
    _, before = ncc_before_and_after(fixed, moving, start)
    _, after = ncc_before_and_after(fixed, moving, refined)
    return refined if after >= before else start


def _elastix(
    fixed: RegistrationPlane,
    moving: RegistrationPlane,
    freedom: Freedom,
    choice: RegistrationChoice,
    start: Affine2D,
    *,
    refine: bool,
) -> Affine2D:
    """What elastix finds from a start, on the working grid."""
    still = start == Affine2D.identity()
    moved = moving.image if still else warp(moving.image, start, fixed.shape)
    schedule = REFINING_SCHEDULE if refine else SCHEDULE
    steps = choice.max_iterations // (REFINING_SHARE if refine else len(SCHEDULE))
    rest = optimise(fixed.image, moved, freedom, choice.registration_metric, steps, schedule)
    return start.compose(rest)
