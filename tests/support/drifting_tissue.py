"""Tissue whose value is known at every point, so that drift and truth are exact: no resampling."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from soct_core.affine import Affine2D

SIZE = 256
CENTER = ((SIZE - 1) / 2, (SIZE - 1) / 2)
AGAROSE = 400.0
TISSUE = 1600.0
TEXTURE = 250.0
NOISE = 20.0
_RADIUS_X, _RADIUS_Y = 90.0, 74.0
_EDGE_PX = 3.0
_WAVES = 20

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Drift:
    """Motion of tissue across a gap; `at(1)` is all of it, `at(0)` none."""

    rotation_deg: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    stretch: tuple[float, float] = (1.0, 1.0)
    shear: float = 0.0

    def at(self, share: float) -> Affine2D:
        """The motion after a share of the gap, each of its figures grown linearly."""
        angle = np.deg2rad(self.rotation_deg * share)
        cos, sin = np.cos(angle), np.sin(angle)
        x, y = (1 + share * (s - 1) for s in self.stretch)
        matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[x, share * self.shear], [0.0, y]])
        return Affine2D.of(matrix, np.array(self.shift) * share, CENTER)

    @property
    def inverted(self) -> Drift:
        """The same amounts the other way round."""
        x, y = self.shift
        return Drift(-self.rotation_deg, (-x, -y), (1 / self.stretch[0], 1 / self.stretch[1]), -self.shear)


@cache
def _waves(seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    wavelength, heading = rng.uniform(14, 60, _WAVES), rng.uniform(0, np.pi, _WAVES)
    turns = 2 * np.pi / wavelength
    phase = rng.uniform(0, 2 * np.pi, _WAVES)
    return np.column_stack((turns * np.cos(heading), turns * np.sin(heading), phase))


def tissue_at(points: Floats, seed: int = 0) -> Floats:
    """Intensity at points, (..., 2) in x-y order: a textured ellipse in agarose."""
    away = points - np.array(CENTER)
    texture = sum(np.cos(kx * away[..., 0] + ky * away[..., 1] + phase) for kx, ky, phase in _waves(seed))
    radius = np.hypot(away[..., 0] / _RADIUS_X, away[..., 1] / _RADIUS_Y)
    inside = 1 / (1 + np.exp((radius - 1) * _RADIUS_Y / _EDGE_PX))
    bright: Floats = TISSUE - AGAROSE + TEXTURE * texture * np.sqrt(2 / _WAVES)
    return AGAROSE + inside * bright


def tissue_plane(motion: Affine2D | None = None, *, seed: int = 0, finer: int = 1) -> Floats:
    """A plane, (y, x), that shows at x what undrifted tissue shows at `motion(x)`.

    `finer` samples the same tissue with that many pixels for one; the motion stays in coarse
    pixels.
    """
    y, x = np.indices((SIZE * finer, SIZE * finer), dtype=float)
    points = (np.stack((x, y), axis=-1) - (finer - 1) / 2) / finer
    return tissue_at(points if motion is None else motion.apply(points), seed)


def agarose_plane(seed: int) -> Floats:
    """A plane without tissue, as noisy as the others."""
    return noisy(np.full((SIZE, SIZE), AGAROSE), seed)


def rms_distance(a: Affine2D, b: Affine2D, mask: NDArray[np.bool_]) -> float:
    """How far two motions take the pixels of a mask apart, in pixels."""
    y, x = np.nonzero(mask)
    points = np.column_stack((x, y)).astype(float)
    return float(np.sqrt(((a.apply(points) - b.apply(points)) ** 2).sum(axis=1).mean()))


def noisy(plane: Floats, seed: int, sigma: float = NOISE) -> Floats:
    """The plane with white noise of its own."""
    noise: Floats = np.random.default_rng(seed).normal(0, sigma, plane.shape)
    return plane + noise


@dataclass(frozen=True)
class DriftingGap:
    """Two slices, the truth between them, and the motion across; volumes are (z, y, x)."""

    before: Floats
    truth: Floats
    after: Floats
    motion: Affine2D


@cache
def drifting_gap(drift: Drift, depth: int = 6, missing: int = 7, seed: int = 0) -> DriftingGap:
    """Tissue drifting linearly in z; before[-1] and after[0] show the ends of the truth.

    `before(motion(x)) = after(x)` holds for those two planes. The slices are noisy, the truth
    is not.
    """
    step = 1 / (missing - 1)
    planes = [tissue_plane(drift.at(z * step), seed=seed) for z in range(1 - depth, missing + depth - 1)]
    grainy = [noisy(plane, 1000 * seed + z) for z, plane in enumerate(planes)]
    return DriftingGap(
        np.stack(grainy[:depth]),
        np.stack(planes[depth - 1 : depth - 1 + missing]),
        np.stack(grainy[depth - 2 + missing :]),
        drift.at(1.0),
    )
