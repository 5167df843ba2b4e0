"""The motion of tissue between two planes, whatever else of the image fits.

Registered as seen first, and again without what stands still in the image where that may have led it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from soct_core.affine import Affine2D
from soct_core.errors import RegistrationError
from soct_core.registration.fixed_pattern import (
    TissuePlanes,
    same_motion,
    without_fixed_pattern,
    without_stripes,
)
from soct_core.registration.register import Registration, RegistrationChoice, register


@dataclass(frozen=True, eq=False)
class TissueMotion:
    """What was found, and between what."""

    motion: Affine2D
    """In pixels of the slice, about the plane's centre."""
    disagreement_px: float | None
    """As of a `Registration`."""
    planes: TissuePlanes


def tissue_motion(seen: TissuePlanes, found: Registration, choice: RegistrationChoice) -> TissueMotion:
    """The rigid motion of the tissue, `moving(T(x)) ~ fixed(x)`, given what all that is seen says."""
    as_seen = TissueMotion(found.motion, found.disagreement_px, seen)
    on_grid = seen.fixed.on_grid(found.motion)
    plain = without_stripes(seen.fixed, seen.moving)
    tissue = without_fixed_pattern(plain.fixed, plain.moving, on_grid) or plain
    if tissue is plain and not plain.share:
        return as_seen
    if tissue.doubt:
        return replace(as_seen, planes=replace(seen, doubt=seen.doubt or tissue.doubt))
    tissue = replace(tissue, doubt=seen.doubt)
    try:
        again = register(tissue.fixed, tissue.moving, "rigid", choice)
    except RegistrationError:
        return replace(as_seen, planes=replace(tissue, doubt="all that fits stands still in the image"))
    if same_motion(seen.fixed, on_grid, seen.fixed.on_grid(again.motion)):
        return as_seen
    return TissueMotion(again.motion, again.disagreement_px, tissue)
