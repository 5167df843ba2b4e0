"""Fixed pattern: what stands still in the image while tissue moves, found and taken out of two planes.

Frames, stripes, burnt-in marks, dead columns and reflections lie at the same pixels in every slice. They fit
exactly where they are, and pull a registration towards no motion at all. Tissue differs across a cut, so its
edges hardly ever fit as exactly; and where it did not move, leaving such edges out changes nothing. So two
motions are tried, one of all that is seen and one without the edges that fit where they are. The one that,
together with a pattern that stands still, explains more of the edges is that of the tissue.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from soct_core.affine import Affine2D
from soct_core.arrays import Mask, Plane
from soct_core.planes.warp import coverage, warp
from soct_core.registration.ecc import align
from soct_core.registration.likeness import displacement_rms, ncc
from soct_core.registration.register import best_alignment
from soct_core.registration.working_plane import RegistrationPlane

_FITS, _NEARLY_FITS, _MAY_FIT = 0.95, 0.9, 0.7
"""Agreement of gradients in place. Measured on planes 200 µm apart of five volumes: of the strongest edges of
tissue that moved by 7 px at most 2 in 100 reach 0.95, of marks, frames and lines over it 60 to 100."""
_LESS = 0.1
"""How much worse an edge that stands still agrees once moved. Chosen by hand."""
_EDGE_SIGMA_PX, _WIDENED_PX = 1.0, 2
"""Smoothing of gradients and of their agreement; and how far an edge reaches beyond where it is found."""
_FEW, _MANY = 0.03, 0.4
"""Shares of all edges: fewer that fit in place are chance; where more stand still, what is left of the tissue
is too little to be believed. Chosen on two of seven volumes."""
_SAME_PX = 0.5
"""Two motions closer than this are the same, in pixels of the working grid."""
_UNSURE_PX = 0.2
"""The same, for motions with more and less left out."""
_CLEARLY = 0.05
"""Share of what one motion leaves unexplained that another must explain to be preferred."""
_STRIPE_SHORT_PX, _STRIPE_LONG_PX = 12.0, 15.0
"""Sigma across and along a stripe. Chosen by hand."""
_STRIPE_SHARE = 0.05
"""Of the shorter side: no stripe is wider, whatever the grid."""
_NO_PX = 1e-6
_THROUGHOUT = 0.5
"""Correlation of the profiles of stripes in one third of the image and the next."""
_STRIPED, _STILL = 0.06, 0.7
"""Share of all fine structure that lies in whole rows or columns, and correlation of the profiles of the two
planes, from which on they are stripes that stand still."""
_LEVELS = (4, 2, 1)
_ROUNDS = 3
_FLAT = 1e-3
"""Share of a plane's range that a line along its edge may vary by and still count as constant."""
_MOST_HIDDEN = 1 / 3
"""Share of a plane. Where a frame hides more, the rest is not believed."""


@dataclass(frozen=True, eq=False)
class TissuePlanes:
    """Two planes without what stands still in the image."""

    fixed: RegistrationPlane
    moving: RegistrationPlane
    share: float = 0.0
    """Of all edges, those that stand still."""
    doubt: str = ""
    """Why the motion of the tissue cannot be told from standing still; empty where it can."""


def without_frame(fixed: RegistrationPlane, moving: RegistrationPlane) -> TissuePlanes:
    """Count as not measured the bands along the edges that are of one shade, the same in both planes."""
    if fixed.shape != moving.shape:
        return TissuePlanes(fixed, moving)
    inside = _within_bands(fixed.image, moving.image)
    hidden = 1.0 - float(inside.mean())
    if hidden == 0 or hidden > 1 - _FEW:
        return TissuePlanes(fixed, moving)
    doubt = f"a frame hides {hidden:.0%} of the plane" if hidden > _MOST_HIDDEN else ""
    return TissuePlanes(_without(fixed, inside), _without(moving, inside), 0.0, doubt)


def without_stripes(fixed: RegistrationPlane, moving: RegistrationPlane) -> TissuePlanes:
    """Take out stripes along rows or columns that both planes show at the same place."""
    if fixed.shape != moving.shape:
        return TissuePlanes(fixed, moving)
    images = [fixed.image, moving.image]
    striped = False
    for axis in (0, 1):
        stripes = [_stripes(image, axis) for image in images]
        if _stand_still(images, stripes, axis):
            images = [image - stripe for image, stripe in zip(images, stripes, strict=True)]
            striped = True
    if not striped:
        return TissuePlanes(fixed, moving)
    fixed, moving = (replace(p, image=image) for p, image in zip((fixed, moving), images, strict=True))
    return TissuePlanes(fixed, moving, 1.0)


def _stripes(image: Plane, axis: int) -> Plane:
    """What is long along the other axis and short along this one."""
    short = _stripe_width(image)
    x, y = (short, _NO_PX) if axis == 1 else (_NO_PX, short)
    fine = image - cv2.GaussianBlur(image, (0, 0), sigmaX=x, sigmaY=y)
    x, y = (_NO_PX, _STRIPE_LONG_PX) if axis == 1 else (_STRIPE_LONG_PX, _NO_PX)
    return np.asarray(cv2.GaussianBlur(fine, (0, 0), sigmaX=x, sigmaY=y), np.float32)


def _stripe_width(image: Plane) -> float:
    return min(_STRIPE_SHORT_PX, _STRIPE_SHARE * float(min(image.shape)))


def _stand_still(images: list[Plane], stripes: list[Plane], axis: int) -> bool:
    """Whether stripes run through the whole image, which tissue does not, at the same place in both."""
    for stripe in stripes:
        first, middle, last = (p.mean(axis=1 - axis) for p in np.array_split(stripe, 3, axis=1 - axis))
        if min(ncc(first, middle), ncc(middle, last)) < _THROUGHOUT:
            return False
    profiles = [stripe.mean(axis=1 - axis) for stripe in stripes]
    for image, profile in zip(images, profiles, strict=True):
        fine = image - cv2.GaussianBlur(image, (0, 0), _stripe_width(image))
        if float(profile.var()) < _STRIPED * float(fine.var()):
            return False
    return ncc(*profiles) > _STILL


def without_fixed_pattern(
    fixed: RegistrationPlane, moving: RegistrationPlane, motion: Affine2D
) -> TissuePlanes | None:
    """Take out the edges that stand still; None where there are none.

    Parameters
    ----------
    fixed, moving
        Of one shape.
    motion
        What registration found with all that is seen, on the working grid.
    """
    if fixed.shape != moving.shape:
        return None
    edges = _Edges(fixed, moving)
    fits = edges.strong & (edges.in_place > _FITS)
    if edges.share(fits) < _FEW:
        return None
    seen = [_refined(edges, motion)]
    cleaned = edges.without(_widened(fits))
    other = best_alignment(*cleaned, "rigid")
    if other is not None:
        seen.append(_refined(edges, other.motion))
    best = max(seen, key=lambda one: one.explained)
    rival = min(seen, key=lambda one: one.explained)
    apart = edges.apart(best.motion, rival.motion)
    clear = apart <= _SAME_PX or best.explained - rival.explained > _CLEARLY * (1 - rival.explained)
    if best.share < _FEW and (clear or rival.share < _FEW):
        return None
    doubt = ""
    if not clear:
        doubt = f"what stands still and what moves fit as well, {apart:.1f} px apart"
    if best.share > _MANY:
        doubt = f"{best.share:.0%} of all edges stand still in the image"
    wider = align(*edges.without(_widened(best.still, 2)), "rigid", best.motion, _LEVELS)
    if best.share >= _FEW and (wider is None or edges.apart(best.motion, wider.motion) > _UNSURE_PX):
        doubt = doubt or "the motion hangs on how much of what stands still is left out"
    if not doubt and edges.apart(best.motion, motion) <= _SAME_PX / 2:
        return None
    found = edges.without(_widened(best.still))
    return TissuePlanes(*found, best.share, doubt)


def same_motion(plane: RegistrationPlane, a: Affine2D, b: Affine2D) -> bool:
    """Whether two motions of the working grid differ by too little to speak of two things."""
    tissue = plane.tissue if plane.tissue.any() else np.ones(plane.shape, bool)
    return displacement_rms(a.inverse().compose(b), tissue) <= _SAME_PX / 2


@dataclass(frozen=True, eq=False)
class _Hypothesis:
    """A motion of the tissue, and what stands still if it is true."""

    motion: Affine2D
    still: Mask
    share: float
    explained: float
    """Mean agreement of all edges, each in place or moved, whichever is more."""


class _Edges:
    """Gradients of two planes, and how well they agree in place and once moved."""

    def __init__(self, fixed: RegistrationPlane, moving: RegistrationPlane) -> None:
        self._planes = fixed, moving
        self._fixed = _gradient(fixed.image)
        self.in_place, strength = self.agreement(Affine2D.identity())
        measured = np.ones(fixed.shape, bool)
        for plane in self._planes:
            measured &= True if plane.measured is None else plane.measured
        strength = np.where(measured, strength, 0)
        seen = strength[measured]
        least = max(np.percentile(seen, 60), 0.15 * np.percentile(seen, 98)) if seen.size else np.inf
        self.strong: Mask = strength > least
        self.weak: Mask = strength > least / 3

    def agreement(self, motion: Affine2D) -> tuple[Plane, Plane]:
        """From -1 to 1, 1 for equal gradients; and the strength of the gradients."""
        fixed, moving = self._planes
        still = motion == Affine2D.identity()
        moved = _gradient(moving.image if still else warp(moving.image, motion, fixed.shape))
        both = _blurred((self._fixed**2).sum(axis=0) + (moved**2).sum(axis=0), _EDGE_SIGMA_PX)
        product = _blurred(2 * (self._fixed * moved).sum(axis=0), _EDGE_SIGMA_PX)
        agreeing = np.divide(product, both, out=np.zeros_like(product), where=both > 1e-9)
        agreeing[~coverage(moving.shape, motion, fixed.shape)] = 0
        return agreeing, np.sqrt(np.maximum(both, 0) / 2)

    def share(self, edges: Mask) -> float:
        """Of all strong edges."""
        return float(edges.sum()) / max(1, int(self.strong.sum()))

    def without(self, where: Mask) -> tuple[RegistrationPlane, RegistrationPlane]:
        """Both planes, filled from around there."""
        fixed, moving = (replace(p, image=_filled(p.image, ~where)) for p in self._planes)
        return fixed, moving

    def apart(self, a: Affine2D, b: Affine2D) -> float:
        """RMS distance of two motions over tissue."""
        tissue = self._planes[0].tissue
        return displacement_rms(a.inverse().compose(b), tissue if tissue.any() else np.ones_like(tissue))


def _refined(edges: _Edges, motion: Affine2D) -> _Hypothesis:
    """Register again without what stands still under this motion, until it stays."""
    hypothesis = _under(edges, motion)
    for _ in range(_ROUNDS):
        if hypothesis.share < _FEW:
            break
        found = align(*edges.without(_widened(hypothesis.still)), "rigid", hypothesis.motion, _LEVELS)
        if found is None:
            break
        moved = edges.apart(found.motion, hypothesis.motion)
        hypothesis = _under(edges, found.motion)
        if moved < _SAME_PX / 10:
            break
    return hypothesis


def _under(edges: _Edges, motion: Affine2D) -> _Hypothesis:
    agreeing, _ = edges.agreement(motion)
    sure = edges.strong & (edges.in_place > _NEARLY_FITS) & (edges.in_place > agreeing + _LESS)
    likely = edges.weak & (edges.in_place > _MAY_FIT) & (edges.in_place > agreeing)
    still = ndimage.binary_propagation(sure, mask=likely | sure)
    best = np.maximum(edges.in_place, agreeing)[edges.strong]
    return _Hypothesis(motion, still, edges.share(sure), float(best.mean()) if best.size else 0.0)


def _gradient(image: Plane) -> NDArray[np.float32]:
    smooth = _blurred(image, _EDGE_SIGMA_PX)
    return np.stack([np.gradient(smooth, axis=axis) for axis in (0, 1)])


def _blurred(image: Plane, sigma: float) -> Plane:
    smooth = cv2.GaussianBlur(np.ascontiguousarray(image, np.float32), (0, 0), sigma)
    return np.asarray(smooth, np.float32)


def _widened(mask: Mask, times: int = 1) -> Mask:
    wider: Mask = ndimage.binary_dilation(mask, iterations=times * _WIDENED_PX)
    return wider


def _filled(image: Plane, keep: Mask) -> Plane:
    """What is not kept, replaced by means of what lies around, ever wider."""
    filled, missing = image.copy(), ~keep
    weight = keep.astype(np.float32)
    for sigma in (1.5, 4.0, 12.0, 40.0):
        if not missing.any():
            break
        near = _blurred(weight, sigma)
        known = missing & (near > 0.05)
        filled[known] = _blurred(image * weight, sigma)[known] / near[known]
        missing &= ~known
    return filled


def _without(plane: RegistrationPlane, inside: Mask) -> RegistrationPlane:
    keep = inside if plane.measured is None else plane.measured & inside
    return replace(plane, image=_filled(plane.image, keep), measured=keep)


def _within_bands(a: Plane, b: Plane) -> Mask:
    inside = np.ones(a.shape, bool)
    tolerance = _FLAT * max(float(np.ptp(a)), float(np.ptp(b)))
    for image, other, mask in ((a, b, inside), (a.T, b.T, inside.T)):
        height, width = a.shape if image is a else a.shape[::-1]
        middle = slice(width // 4, width - width // 4)
        seen = np.concatenate((image[:, middle], other[:, middle]), axis=1)
        flat = (np.ptp(seen, axis=1) <= tolerance) & (seen.mean(axis=1) > tolerance)
        first = int(np.argmin(flat)) if not flat.all() else 0
        last = int(np.argmin(flat[::-1])) if not flat.all() else 0
        mask[:first] = False
        mask[height - last :] = False
    return inside
