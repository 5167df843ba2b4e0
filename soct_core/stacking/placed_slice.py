"""A placed slice: one slice, its pose, and its depth in the volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.tables.stacking_decisions import SlotState
from soct_core.affine import Affine2D, shift_by
from soct_core.arrays import Sliceable
from soct_core.stacking.poses import between


@dataclass(frozen=True, eq=False)
class PlacedSlice:
    """A slice, measured or interpolated, and its place in the volume; depths in planes."""

    slice_id: int
    volume: Sliceable
    state: SlotState
    top: int
    planes: int
    """Trusted planes, from the top."""
    pose: Affine2D
    """Pose at the top of the slice; a measured slice has it throughout."""
    pose_below: Affine2D | None = None
    """Pose of the slice after, towards which an interpolated slice leads."""
    offset: tuple[int, int] = (0, 0)
    """Where its pixel (0, 0) lies, (x, y), in the frame of its poses."""
    alphas: NDArray[np.float64] | None = None
    """How far each of its planes lies from the pose above to the one below, 0 to 1."""

    @property
    def bottom(self) -> int:
        """First plane below the trusted ones."""
        return self.top + self.planes

    @property
    def plane_shape(self) -> tuple[int, int]:
        return self.volume.shape[1], self.volume.shape[2]

    def poses(self) -> list[Affine2D]:
        """Every pose that it takes, from its top to its last plane."""
        return [self.pose] if self.alphas is None else [self.pose_at(i) for i in range(len(self.alphas))]

    def pose_at(self, plane: int) -> Affine2D:
        """Pose of one of its planes: from pixels of the volume to those of the common canvas."""
        if self.pose_below is None or self.alphas is None:
            return self.pose
        return between(self.pose, self.pose_below, float(self.alphas[plane]))

    def to_pixels(self, pose: Affine2D) -> Affine2D:
        """The motion from pixels of the volume to pixels of the slice, for one of its poses."""
        if self.offset == (0, 0):
            return pose
        x, y = self.offset
        return shift_by(-x, -y).compose(pose)
