"""A small acquisition for benchmarks: seven slices of a drifting block, imaged deeper than their slots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.affine import Affine2D, plane_center
from soct_core.arrays import Zyx
from soct_core.planes.warp import coverage, warp
from soct_core.simulation.image_formation import attenuation, speckle

Array = NDArray[Any]
SLICES = 7
INTERVAL = 5
"""Planes of an interval."""


@dataclass(frozen=True)
class Source:
    """A reference volume, (z, y, x), and how it is cut and imaged."""

    name: str
    volume: Array
    voxel_um: Zyx
    other: Array
    """Another specimen, of the same shape."""
    looks: float = 0.0
    seed: int = 1
    depth: int = INTERVAL + 3
    """Planes imaged of each slice."""
    attenuation_um: float | None = None
    """Depth at which the signal falls to 1/e."""
    floor: float = 0.0
    """Noise of the detector, as a share of the brightest."""
    drift_px: float = 2.0
    drift_deg: float = 0.6

    @property
    def interval_um(self) -> float:
        return INTERVAL * self.voxel_um[0]

    @property
    def agarose(self) -> float:
        return float(np.percentile(self.volume, 2))

    def poses(self) -> dict[int, Affine2D]:
        """True pose of every slice: the block moves a little at every cut."""
        rng = np.random.default_rng(self.seed)
        center = plane_center(self.volume.shape[1:])
        found, pose = {}, Affine2D.identity(center)
        for slice_id in range(SLICES):
            if slice_id:
                turn = self.drift_deg * rng.uniform(-1, 1)
                shift = (self.drift_px * rng.uniform(-1, 1), self.drift_px * rng.uniform(-1, 1))
                pose = Affine2D.rigid(turn, shift, center).compose(pose)
            found[slice_id] = pose
        return found

    def imaged(self, top: int, pose: Affine2D, noise: int, volume: Array | None = None) -> Array:
        """What is imaged of the block from a plane on, counted from the first slice's top."""
        block = self.volume if volume is None else volume
        first = (block.shape[0] - (SLICES - 1) * INTERVAL - self.depth) // 2 + top
        rng = np.random.default_rng((self.seed, noise))
        back = pose.inverse()
        inside = coverage(block.shape[1:], back)
        planes = []
        for z in range(first, first + self.depth):
            plane = np.where(inside, warp(np.asarray(block[z], np.float32), back), self.agarose)
            plane = plane * attenuation((z - first) * self.voxel_um[0], self.attenuation_um)
            if self.looks:
                plane = plane * speckle(plane.shape, self.looks, 0.7, rng)
            planes.append(plane + self.floor * float(block.max()) * np.abs(rng.normal(size=plane.shape)))
        return np.stack(planes).astype(np.float32)

    def clean(self) -> Handled:
        """The acquisition without a mishap."""
        poses = self.poses()
        return Handled(
            {i: self.imaged(INTERVAL * i, pose, i) for i, pose in poses.items()}, poses, self.voxel_um
        )


@dataclass(frozen=True)
class Handled:
    """An acquisition as it lies on disk."""

    slices: dict[int, Array]
    poses: Mapping[int, Affine2D]
    """True poses of the slices that are none of the mishap's."""
    voxel_um: Zyx
    origins: Mapping[int, Zyx] = field(default_factory=dict)
    """Translations, in µm."""
    sizes: Mapping[int, Zyx] = field(default_factory=dict)
    """Voxel sizes of those that say another."""
