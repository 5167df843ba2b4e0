"""An analytic, seeded, brain-like phantom: evaluated plane by plane at any resolution.

Nested superellipsoids with a cortex, a bright tract, dark ventricles and vessels, textured by a
sum of cosines; agarose around. Lengths in µm; the brain is centred at the origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.simulation import SimulationSettings
from soct_core.arrays import Zyx

Floats = NDArray[np.float64]
# Size, sampling and texture of the phantom are chosen by hand: brain-like to the eye, and quick to make.
SEMI_AXES_UM: Zyx = (5200.0, 2500.0, 3000.0)
PHANTOM_VOXEL_UM: Zyx = (20.0, 25.0, 25.0)
PHANTOM_PLANE = (240, 280)
PHANTOM_SLICES = 12
_AGAROSE = 0.06
_WAVES = 40
_VESSELS = 24


@dataclass(frozen=True)
class Phantom:
    """Reflectivity of a brain, 0 to about 1, agarose at 0.06."""

    waves: Floats
    """(n, 4): wave vector (z, y, x) in rad/µm and phase."""
    vessels: Floats
    """(n, 7): a point (z, y, x), a direction, and a radius, in µm."""

    @classmethod
    def seeded(cls, seed: int) -> Phantom:
        """The phantom of a seed; every seed is another brain."""
        rng = np.random.default_rng(seed)
        lengths = np.exp(rng.uniform(np.log(150.0), np.log(1500.0), _WAVES))
        directions = rng.normal(size=(_WAVES, 3)) * (0.35, 1.0, 1.0)
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        phases = rng.uniform(0, 2 * np.pi, (_WAVES, 1))
        waves = np.hstack((directions * (2 * np.pi / lengths)[:, None], phases))
        points = rng.uniform(-0.8, 0.8, (_VESSELS, 3)) * SEMI_AXES_UM
        along = rng.normal(size=(_VESSELS, 3)) * (2.0, 1.0, 1.0)
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        radii = rng.uniform(25.0, 90.0, (_VESSELS, 1))
        return cls(waves, np.hstack((points, along, radii)))

    def plane(self, z_um: float, y_um: Floats, x_um: Floats) -> NDArray[np.float32]:
        """Reflectivity on the grid of `y_um` (ny,) and `x_um` (nx,), shape (ny, nx)."""
        y, x = y_um[:, None], x_um[None, :]
        sz, sy, sx = SEMI_AXES_UM
        # Two hemispheres: the outline is notched at the midline.
        notch = 0.10 * np.exp(-((x / (0.10 * sx)) ** 2)) * (y < 0)
        radius = np.sqrt((z_um / sz) ** 2 + (y / sy) ** 2 + (x / sx) ** 2) + notch
        fold = 0.05 * np.sin(5 * np.arctan2(y / sy, np.abs(x) / sx) + z_um / 900.0)
        depth = radius + fold
        tissue = _step(1.0 - radius, 0.012)
        value = 0.50 + 0.16 * _band(depth, 0.90, 0.05) + 0.34 * _band(depth, 0.74, 0.030)
        value -= 0.14 * _band(depth, 0.55, 0.06)
        value += 0.20 * _band(np.hypot(np.abs(x) / sx - 0.36, y / sy + 0.05), 0.20, 0.035)
        value *= 1.0 + 0.22 * self._texture(z_um, y, x)
        value *= 1.0 - 0.85 * self._ventricles(z_um, y, x)
        value *= 1.0 - 0.6 * self._vessel_shadow(z_um, y, x)
        plane: NDArray[np.float32] = (_AGAROSE + tissue * np.clip(value, 0, None)).astype(np.float32)
        return plane

    def _texture(self, z: float, y: Floats, x: Floats) -> Floats:
        total = np.zeros(np.broadcast_shapes(y.shape, x.shape))
        for kz, ky, kx, phase in self.waves:
            total += np.cos(kz * z + ky * y + kx * x + phase)
        return np.asarray(total * np.sqrt(2.0 / len(self.waves)))

    def _ventricles(self, z: float, y: Floats, x: Floats) -> Floats:
        _, sy, sx = SEMI_AXES_UM
        wobble = 0.04 * np.sin(z / 1100.0)
        side = np.hypot((np.abs(x) / sx - 0.16 - wobble) / 0.6, (y / sy + 0.18 - wobble) / 1.4)
        fade = np.exp(-((z / 3200.0) ** 2))
        return _step(0.13 * fade - side, 0.02)

    def _vessel_shadow(self, z: float, y: Floats, x: Floats) -> Floats:
        shadow = np.zeros(np.broadcast_shapes(y.shape, x.shape))
        for pz, py, px, dz, dy, dx, radius in self.vessels:
            rz, ry, rx = z - pz, y - py, x - px
            along = rz * dz + ry * dy + rx * dx
            squared = rz**2 + ry**2 + rx**2 - along**2
            shadow = np.maximum(shadow, np.exp(-squared / (2 * radius**2)))
        return shadow


class PhantomVolume:
    """The phantom sampled on a grid, sliced lazily like a numpy array; uint16, agarose at 600."""

    def __init__(self, phantom: Phantom, shape: tuple[int, int, int], voxel_size_um: Zyx) -> None:
        self.shape = shape
        self.dtype = np.dtype(np.uint16)
        self.voxel_size_um = voxel_size_um
        self._phantom = phantom
        self._z, self._y, self._x = (
            np.asarray((np.arange(n) - (n - 1) / 2) * v, dtype=np.float64)
            for n, v in zip(shape, voxel_size_um, strict=True)
        )

    def __getitem__(self, index: int | slice) -> NDArray[np.uint16]:
        if isinstance(index, slice):
            return np.stack([self[z] for z in range(*index.indices(self.shape[0]))])
        plane = self._phantom.plane(float(self._z[index]), self._y, self._x)
        return np.rint(np.clip(plane * 10_000, 0, 65_535)).astype(np.uint16)


def phantom_for(settings: SimulationSettings) -> PhantomVolume:
    """The phantom of a seed, deep enough for the slices that are asked for."""
    z = PHANTOM_VOXEL_UM[0]
    depth = max(1, round(settings.slicing_interval_um / z)) * (settings.slices or PHANTOM_SLICES)
    return PhantomVolume(Phantom.seeded(settings.seed), (depth, *PHANTOM_PLANE), PHANTOM_VOXEL_UM)


def _step(x: Floats, width: float) -> Floats:
    """0 to 1 around x = 0."""
    return 0.5 * (1.0 + np.tanh(x / width))


def _band(x: Floats, at: float, width: float) -> Floats:
    return np.exp(-0.5 * ((x - at) / width) ** 2)
