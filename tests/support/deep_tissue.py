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
_WAVES = 60

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Specimen:
    """A block of tissue; depths in planes."""

    seed: int = 0
    drift: tuple[float, float] = (0.0, 0.0)
    """How far the whole anatomy moves from one plane to the next, (x, y), in pixels."""
    turn_deg: float = 0.0
    """How far it turns from one plane to the next, about the centre."""
    fades: bool = True
    """Whether patterns swell and fade with depth, as those of tissue do."""

    def slice_at(
        self, depths: Iterable[float], motion: Affine2D | None = None, noise_seed: int = 0
    ) -> Floats:
        """A slice, (z, y, x), whose planes show at x what the specimen shows at `motion(x)`."""
        y, x = np.indices(SHAPE, dtype=float)
        pixels = np.stack((x, y), axis=-1)
        points = pixels if motion is None else motion.apply(pixels)
        rng = np.random.default_rng((self.seed, noise_seed))
        drifts = bool(any(self.drift) or self.turn_deg)
        still = None if drifts else self._seen(points, 0.0)
        return np.stack(
            [self._lit(*(still or self._seen(points, z)), z) + rng.normal(0, NOISE, SHAPE) for z in depths]
        )

    def _seen(self, points: Floats, depth: float) -> tuple[Floats, Floats]:
        """Where there is tissue, from 0 to 1, and the patterns of its texture, (..., wave)."""
        here = Affine2D.rigid(self.turn_deg * depth, [rate * depth for rate in self.drift], CENTER)
        away = here.inverse().apply(points) - np.array(CENTER)
        radius = np.hypot(away[..., 0] / _RADIUS_X, away[..., 1] / _RADIUS_Y)
        waves = _waves(self.seed)
        return 1 / (1 + np.exp((radius - 1) * _RADIUS_Y / _EDGE_PX)), np.cos(away @ waves[:2] + waves[3])

    def _lit(self, inside: Floats, patterns: Floats, depth: float) -> Floats:
        waves = _waves(self.seed)
        texture = patterns @ np.cos(waves[2] * depth * self.fades + waves[4])
        lit: Floats = AGAROSE + inside * (TISSUE - AGAROSE + TEXTURE * texture * np.sqrt(4 / _WAVES))
        return lit


@cache
def _waves(seed: int) -> Floats:
    """Wave numbers along x, y and z, and the phases in the plane and in depth, one column a wave."""
    rng = np.random.default_rng(seed)
    turns, heading = 2 * np.pi / rng.uniform(9, 35, _WAVES), rng.uniform(0, np.pi, _WAVES)
    along_z = 2 * np.pi / rng.uniform(30, 90, _WAVES)
    phases = rng.uniform(0, 2 * np.pi, (2, _WAVES))
    return np.stack((turns * np.cos(heading), turns * np.sin(heading), along_z, *phases))


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
