"""Anatomy motion: how tissue itself drifts in-plane with depth, measured where nothing was cut.

Two planes of one slice have no cut between them, so what registration finds there is anatomy.
Extrapolated across a cut, it is the part of a pair's motion that is no drift. Without taking it
off, a long chain slowly straightens curved anatomy (the banana problem).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.settings import PairwiseSettings
from soct_core.affine import Affine2D
from soct_core.arrays import Sliceable
from soct_core.errors import RegistrationError
from soct_core.registration.fixed_pattern import without_frame
from soct_core.registration.likeness import NEGLIGIBLE_NCC, ncc_before_and_after
from soct_core.registration.reduced_reading import read_plane
from soct_core.registration.register import register
from soct_core.registration.working_plane import SQUARE, Aspect, RegistrationPlane

MIN_NCC = 0.5
"""A guess that served: below it, planes count as unrelated in `confidence` too."""


@dataclass(frozen=True)
class AnatomyRate:
    """In-plane motion of anatomy per plane of depth, about the plane's centre, in square pixels."""

    x: float
    y: float
    rotation_deg: float

    def over(self, planes: float, center: tuple[float, float]) -> Affine2D:
        """The motion over a distance: `deeper(A(x)) ~ shallower(x)`."""
        return Affine2D.rigid(self.rotation_deg * planes, (self.x * planes, self.y * planes), center)


def anatomy_rate(
    volume: Sliceable, first: int, last: int, settings: PairwiseSettings, aspect: Aspect = SQUARE
) -> AnatomyRate | None:
    """Measure the motion between two planes of one slice; None where nothing can be told.

    Only the two planes are read.
    """
    if last <= first:
        return None
    shallow = read_plane(volume, first, aspect=aspect)
    deep = read_plane(volume, last, aspect=aspect)
    motion = _motion(shallow, deep, settings)
    if motion is None:
        return None
    planes = last - first
    return AnatomyRate(
        motion.translation[0] / planes, motion.translation[1] / planes, motion.rotation_deg / planes
    )


def mean_rate(rates: Sequence[AnatomyRate | None]) -> AnatomyRate | None:
    """Mean of the rates that are known."""
    known = [rate for rate in rates if rate is not None]
    if not known:
        return None
    x, y, turn = np.mean([(r.x, r.y, r.rotation_deg) for r in known], axis=0)
    return AnatomyRate(float(x), float(y), float(turn))


def _motion(
    shallow: RegistrationPlane, deep: RegistrationPlane, settings: PairwiseSettings
) -> Affine2D | None:
    if min(shallow.tissue_fraction, deep.tissue_fraction) < settings.min_foreground_fraction:
        return None
    try:
        seen = without_frame(shallow, deep)
        # Within a slice tissue hardly moves: its edges fit in place, and must not be taken for a pattern.
        motion = register(seen.fixed, seen.moving, "rigid", settings).motion
    except RegistrationError:
        return None
    shallow, deep = seen.fixed, seen.moving
    before, after = ncc_before_and_after(shallow, deep, shallow.on_grid(motion))
    return motion.scaled(*shallow.aspect) if after >= max(before - NEGLIGIBLE_NCC, MIN_NCC) else None
