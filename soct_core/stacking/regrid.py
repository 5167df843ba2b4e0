"""Another grid over the same slices: poses, motions and canvas of one resolution in pixels of another.

Pixel (0, 0) of both grids is the same point, as translations in NGFF have it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from soct_core.affine import Affine2D, shift_by
from soct_core.stacking.canvas import Canvas
from soct_core.stacking.poses import SolvedPose
from soct_core.zmorph.displacement import Displacement

Xy = tuple[float, float]
_SLACK = 1e-6
"""In pixels. Chosen by hand: rounding must not make a canvas a pixel larger."""


@dataclass(frozen=True)
class Regrid:
    """How many new pixels lie along one old pixel, (x, y)."""

    ratio: Xy

    @classmethod
    def between(cls, old_um: tuple[float, float, float], new_um: tuple[float, float, float]) -> Regrid:
        """From voxel sizes (z, y, x)."""
        return cls((old_um[2] / new_um[2], old_um[1] / new_um[1]))

    def motion(self, motion: Affine2D, rest_from: Xy = (0.0, 0.0), rest_to: Xy = (0.0, 0.0)) -> Affine2D:
        """A motion in new pixels; its points and results may lie beside them by a rest.

        >>> Regrid((2.0, 2.0)).motion(shift_by(3, 1)).apply([[10.0, 0.0]]).tolist()
        [[16.0, 2.0]]
        """
        if self.ratio == (1.0, 1.0) and (rest_from, rest_to) == ((0.0, 0.0), (0.0, 0.0)):
            return motion
        to_new = self._to_new
        moved = to_new.compose(motion).compose(to_new.inverse())
        return shift_by(-rest_to[0], -rest_to[1]).compose(moved).compose(shift_by(*rest_from))

    def pose(self, solved: SolvedPose, rest: Xy) -> SolvedPose:
        """A pose in new pixels, for a slice that lies beside its window by a rest."""
        return replace(solved, pose=self.motion(solved.pose, rest_to=rest))

    def displacement(self, found: Displacement, rest: Xy = (0.0, 0.0)) -> Displacement:
        """A displacement that leads slices of new pixels, which lie beside their windows by a rest."""
        if self.ratio == (1.0, 1.0) and rest == (0.0, 0.0):
            return found
        return replace(found, frame=self._to_new.inverse().compose(shift_by(*rest)))

    @property
    def _to_new(self) -> Affine2D:
        return Affine2D.of([[self.ratio[0], 0.0], [0.0, self.ratio[1]]], (0.0, 0.0))

    def canvas(self, canvas: Canvas) -> Canvas:
        """The canvas that holds the old one, pixel centre by pixel centre."""
        (height, width), origin = canvas.shape, canvas.origin
        first = [math.floor(o * r + _SLACK) for o, r in zip(origin, self.ratio, strict=True)]
        ends = [
            math.ceil((o + n - 1) * r - _SLACK) + 1
            for o, n, r in zip(origin, (width, height), self.ratio, strict=True)
        ]
        return Canvas((ends[1] - first[1], ends[0] - first[0]), (first[0], first[1]))
