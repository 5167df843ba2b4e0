"""Tissue that changes with depth, known at every point of a specimen, and slices cut out of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from soct_core.affine import Affine2D, plane_center

SHAPE = (120, 136)
CENTER = plane_center(SHAPE)
AGAROSE = 400.0
TISSUE = 1600.0
TEXTURE = 300.0
NOISE = 20.0
_RADIUS_X, _RADIUS_Y = 52.0, 44.0
_EDGE_PX = 2.0
_WAVES = 24

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Specimen:
    """A block of tissue; depths in planes."""

    seed: int = 0
    depth_wavelength: float = 30.0
    """Shortest, in planes: the smaller, the sooner planes grow unlike with depth."""
    drift: tuple[float, float] = (0.0, 0.0)
    """How far the whole anatomy moves from one plane to the next, (x, y), in pixels."""
    turn_deg: float = 0.0
    """How far it turns from one plane to the next, about the centre."""

    def at(self, points: Floats, depth: float) -> Floats:
        """Intensity at points, (..., 2), x-y order, of one depth."""
        here = Affine2D.rigid(self.turn_deg * depth, np.multiply(self.drift, depth), CENTER)
        away = here.inverse().apply(points) - np.array(CENTER)
        waves = _waves(self.seed, self.depth_wavelength)
        texture = sum(
            np.cos(kx * away[..., 0] + ky * away[..., 1] + kz * depth + phase) for kx, ky, kz, phase in waves
        )
        radius = np.hypot(away[..., 0] / _RADIUS_X, away[..., 1] / _RADIUS_Y)
        inside = 1 / (1 + np.exp((radius - 1) * _RADIUS_Y / _EDGE_PX))
        bright: Floats = TISSUE - AGAROSE + TEXTURE * texture * np.sqrt(2 / _WAVES)
        return AGAROSE + inside * bright

    def slice_at(
        self, depths: Iterable[float], motion: Affine2D | None = None, noise_seed: int = 0
    ) -> Floats:
        """A slice, (z, y, x), whose planes show at x what the specimen shows at `motion(x)`."""
        y, x = np.indices(SHAPE, dtype=float)
        points = np.stack((x, y), axis=-1)
        seen = points if motion is None else motion.apply(points)
        rng = np.random.default_rng((self.seed, noise_seed))
        return np.stack([self.at(seen, depth) + rng.normal(0, NOISE, SHAPE) for depth in depths])


@cache
def _waves(seed: int, depth_wavelength: float) -> Floats:
    rng = np.random.default_rng(seed)
    turns, heading = 2 * np.pi / rng.uniform(9, 35, _WAVES), rng.uniform(0, np.pi, _WAVES)
    along_z = 2 * np.pi / rng.uniform(depth_wavelength, 3 * depth_wavelength, _WAVES)
    along_z *= rng.choice([-1, 1], _WAVES)
    phase = rng.uniform(0, 2 * np.pi, _WAVES)
    return np.column_stack((turns * np.cos(heading), turns * np.sin(heading), along_z, phase))


def agarose_slice(planes: int, seed: int) -> Floats:
    """A slice that holds no tissue, as noisy as the others."""
    return np.random.default_rng(seed).normal(AGAROSE, NOISE, (planes, *SHAPE))


def tissue_points() -> Floats:
    """Pixels well within the tissue, (n, 2), x-y order."""
    y, x = np.indices(SHAPE, dtype=float)
    away = np.hypot((x - CENTER[0]) / _RADIUS_X, (y - CENTER[1]) / _RADIUS_Y)
    return np.column_stack((x[away < 0.9], y[away < 0.9]))


def rms_apart(a: Affine2D, b: Affine2D) -> float:
    """How far two motions take tissue apart, RMS, in pixels."""
    points = tissue_points()
    return float(np.sqrt(((a.apply(points) - b.apply(points)) ** 2).sum(axis=1).mean()))
