"""Depth order: whether two slices lie to each other in depth as their ids and the interval say.

The z match looks around one expected plane. Here a few planes more are compared where a mishap would put the
match instead: at the same depth of both slices (the same image twice), at the far ends (the order is
reversed), and over all planes of the upper slice where the z match ended at the bound of its search.
"""

from __future__ import annotations

from dataclasses import dataclass

from soct_core.affine import Affine2D
from soct_core.arrays import Sliceable
from soct_core.pairwise.z_match import ZCurve, ZSearch, best_z
from soct_core.planes.warp import coverage, warp
from soct_core.registration.likeness import central_ncc
from soct_core.registration.reduced_reading import read_plane
from soct_core.registration.working_plane import RegistrationPlane

DOUBTED = 0.5
"""Factor on the confidence of a pair whose slices do not lie to each other as said. A guess that served."""
_CLEARLY = 0.6
"""Share of the unlikeness (1 - NCC) of what was expected that a rival may have left, to be believed. Set by
hand after a look at five volumes, with and without speckle; in strong speckle some rivals leave more."""
_PEAK = 0.75
"""Share of the unlikeness of planes above and below that one at the same depth may have left. By hand."""
_MOST_PLANES = 24
"""Planes looked at over the whole depth of a slice. A guess that served."""


@dataclass(frozen=True)
class DepthOrder:
    """NCC of planes that should not match, and what of it is a doubt."""

    expected_ncc: float
    """Of the plane of fixed that lies where moving should continue it."""
    same_depth_ncc: float | None = None
    """Of the planes at the same depth of both slices."""
    reversed_ncc: float | None = None
    """Of the top of fixed and the plane of moving an interval deeper, or its deepest."""
    wide_z: int | None = None
    """Plane of fixed most like the moving plane, of all its planes; only where the match is at its bound."""
    wide_ncc: float | None = None
    is_same_image: bool = False
    is_reversed: bool = False

    @property
    def reasons(self) -> tuple[str, ...]:
        """What speaks against the pair, in words."""
        found = []
        if self.wide_z is not None:
            found.append(
                f"z match at the bound of its search (NCC {self.wide_ncc:.2f} at plane {self.wide_z})"
            )
        if self.is_same_image:
            found.append(f"both slices show the same planes (NCC {self.same_depth_ncc:.2f} at no offset)")
        if self.is_reversed:
            found.append(f"they fit better in reverse order (NCC {self.reversed_ncc:.2f})")
        return tuple(found)


def clearly_better(rival: float, expected: float) -> bool:
    """Whether a plane is so much more like another than the expected one that chance does not explain it."""
    return 1 - rival <= _CLEARLY * (1 - expected)


def depth_order(
    volumes: tuple[Sliceable, Sliceable],
    search: ZSearch,
    curve: ZCurve,
    likeness: PlaneLikeness,
    offset: float,
) -> DepthOrder:
    """Compare planes that match only after a mishap.

    Parameters
    ----------
    volumes
        Fixed and moving, (z, y, x), of one plane shape.
    search, curve
        The z match as planned and as found.
    likeness
        Compares two planes.
    offset
        Depth of moving's top below fixed's top, in planes.
    """
    fixed_nz, moving_nz = (volume.shape[0] for volume in volumes)
    expected = dict(curve)[search.start]
    shallow = min(search.moving_z, fixed_nz - 1)
    deep = round(offset) + search.moving_z
    # As far apart as fixed and moving should be; their outermost planes where they are not that deep.
    above, below = (shallow, deep) if deep < moving_nz else (0, moving_nz - 1)
    same = likeness.ncc(shallow, search.moving_z)
    reverse = likeness.ncc(above, below)
    wide_z, wide_ncc = _wide_match(search, curve, likeness, fixed_nz)
    return DepthOrder(
        expected_ncc=expected,
        same_depth_ncc=same,
        reversed_ncc=reverse,
        wide_z=wide_z,
        wide_ncc=wide_ncc,
        is_same_image=same > reverse
        and clearly_better(same, expected)
        and _peaks_at_no_offset(likeness, min(fixed_nz, moving_nz), offset),
        is_reversed=reverse > same and clearly_better(reverse, expected),
    )


def _wide_match(
    search: ZSearch, curve: ZCurve, likeness: PlaneLikeness, planes: int
) -> tuple[int | None, float | None]:
    """Where the moving plane lies in all of fixed, if the match ended at the bound of its search."""
    best, ncc = best_z(search, curve)
    at_bound = best in (search.candidates[0], search.candidates[-1]) and best != search.start
    if not at_bound or not clearly_better(ncc, dict(curve)[search.start]):
        return None, None
    others = [z for z in range(planes) if z not in search.candidates]
    step = max(1, -(-len(others) // _MOST_PLANES))
    found = [(z, likeness.ncc(z, search.moving_z)) for z in others[::step]]
    return max([(best, ncc), *found], key=lambda point: point[1])


def _peaks_at_no_offset(likeness: PlaneLikeness, planes: int, offset: float) -> bool:
    """Whether planes of the same depth match better than those half an interval above and below.

    Shallow planes are alike for being sharp and bright, even an interval apart; only the same tissue peaks.
    """
    middle = planes // 2
    step = max(1, min(round(offset / 2), middle, planes - 1 - middle))
    around = [likeness.ncc(z, middle) for z in (middle - step, middle + step) if 0 <= z < planes]
    return bool(around) and 1 - likeness.ncc(middle, middle) <= _PEAK * (1 - max(around))


class PlaneLikeness:
    """NCC of planes of two slices, moved as registration found or left in place, whichever fits better.

    Parameters
    ----------
    fixed, moving
        (z, y, x), of one plane shape.
    motion
        As found, on the working grid.
    like
        A plane of moving, whose working grid all planes share.
    """

    def __init__(
        self, fixed: Sliceable, moving: Sliceable, motion: Affine2D, like: RegistrationPlane
    ) -> None:
        self._slices = (fixed, moving)
        self._motions = (motion, Affine2D.identity(motion.center))
        self._like = like
        self._planes: dict[tuple[int, int], RegistrationPlane] = {}

    def ncc(self, fixed_z: int, moving_z: int) -> float:
        """NCC of two planes over the central half."""
        above, below = self._plane(0, fixed_z), self._plane(1, moving_z)
        found = []
        for motion in self._motions:
            moved = warp(below.coarse, motion, above.shape)
            inside = coverage(below.shape, motion, above.shape)
            found.append(central_ncc(above, moved, below, motion, inside))
        return max(found)

    def _plane(self, which: int, z: int) -> RegistrationPlane:
        if (which, z) not in self._planes:
            self._planes[which, z] = read_plane(self._slices[which], z, self._like.factor, self._like.aspect)
        return self._planes[which, z]
