"""Noises that OCT makes, put over clean planes.

Each takes planes (k, y, x), the one imaged first at the top, in the intensities of the volume, and gives
planes of whole numbers below 65536. What lies beneath a shadow or deep in the tissue is drawn once a slice.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from soct_core.simulation.image_formation import speckle

Planes = NDArray[np.float64]
Noise = Callable[[Planes, float, np.random.Generator], Planes]

FINE_PX, COARSE_PX = 0.7, 1.3
"""Sigma of the grain: speckle of about 1.5 and 3 pixels."""
LOG_FULL_SCALE = 300.0
"""Signal over noise floor of the brightest tissue, as a ratio of powers (25 dB)."""
LOG_UNIT = 5000.0
"""Counts for one unit of the natural logarithm."""
SHADOWS = 12
"""Vessels over one plane, and so shadows beneath them."""


def _speckled(looks: float, grain_px: float) -> Noise:
    def noise(planes: Planes, peak: float, rng: np.random.Generator) -> Planes:
        shape = planes.shape[1], planes.shape[2]
        return planes * np.stack([speckle(shape, looks, grain_px, rng) for _ in planes])

    return noise


def _clean(planes: Planes, peak: float, rng: np.random.Generator) -> Planes:
    return planes


def _one_look(planes: Planes, peak: float, rng: np.random.Generator) -> Planes:
    """Fully developed speckle, each pixel on its own."""
    return planes * rng.gamma(1.0, 1.0, planes.shape)


def _log(planes: Planes, peak: float, rng: np.random.Generator) -> Planes:
    """One look, above a floor of noise, as the logarithm that most OCT software stores."""
    signal = LOG_FULL_SCALE * planes / peak * rng.gamma(1.0, 1.0, planes.shape)
    return np.asarray(LOG_UNIT * np.log1p(signal + 0.5 * rng.gamma(1.0, 1.0, planes.shape)))


def _shadows(planes: Planes, peak: float, rng: np.random.Generator) -> Planes:
    """Stripes that are dark through all planes of a slice, over speckle of four looks."""
    width = planes.shape[2]
    light = np.ones(width)
    for _ in range(SHADOWS):
        centre, half = rng.integers(width), rng.integers(3, max(4, width // 60))
        light[max(0, centre - half) : centre + half] *= rng.uniform(0.2, 0.6)
    return _speckled(4, FINE_PX)(planes * light, peak, rng)


def _attenuation(planes: Planes, peak: float, rng: np.random.Generator) -> Planes:
    """Light is lost with depth and the focus lies at a third of the slice; speckle of four looks."""
    depth = np.linspace(0, 1.25, len(planes))
    blurred = [
        cv2.GaussianBlur(plane, (0, 0), 0.5 + 3 * abs(z - 0.4))
        for plane, z in zip(planes, depth, strict=True)
    ]
    return _speckled(4, FINE_PX)(np.stack(blurred) * np.exp(-depth)[:, None, None], peak, rng)


def without_noise(name: str, planes: Planes, peak: float) -> Planes:
    """What a noise shows of clean planes on the average: their logarithm, for the one that takes it."""
    if name != "log":
        return planes
    # Dense where it is dark: there the logarithm bends.
    signal = np.concatenate([[0.0], np.geomspace(1e-5, max(1.0, float(planes.max() / peak)), 512)])
    nodes, weights = np.polynomial.laguerre.laggauss(48)
    power = LOG_FULL_SCALE * signal[:, None, None] * nodes[:, None] + 0.5 * nodes
    shown = np.einsum("sij,i,j->s", LOG_UNIT * np.log1p(power), weights, weights)
    return np.asarray(np.interp(planes / peak, signal, shown))


NOISES: dict[str, Noise] = {
    "clean": _clean,
    "L=4": _speckled(4, FINE_PX),
    "L=11": _speckled(11, FINE_PX),
    "L=1": _one_look,
    "L=1 coarse": _speckled(1, COARSE_PX),
    "log": _log,
    "shadows": _shadows,
    "attenuation": _attenuation,
}
