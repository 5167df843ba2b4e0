"""Coarse in-plane shift by phase correlation of gradient magnitudes."""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from soct_core.affine import Affine2D, shift_by
from soct_core.arrays import Plane
from soct_core.registration.likeness import ncc_before_and_after
from soct_core.registration.working_plane import RegistrationPlane

_GRADIENT_SIGMA_PX = 2.0
"""In pixels of the working grid. Chosen by hand."""


def phase_shift(fixed: Plane, moving: Plane) -> tuple[int, int]:
    """Whole-pixel shift s, x-y order, with `moving(x + s) ~ fixed(x)`; planes (y, x).

    Phase correlation [1]_ of gradient magnitudes, which uneven illumination hardly changes.

    References
    ----------
    .. [1] Kuglin CD, Hines DC (1975). The phase correlation image alignment method. Proceedings of the IEEE
       International Conference on Cybernetics and Society, 163-165.
    """
    shape = tuple(max(a, b) for a, b in zip(fixed.shape, moving.shape, strict=True))
    spectra = [
        fft.rfft2(_windowed_edges(plane), s=[fft.next_fast_len(n) for n in shape])
        for plane in (fixed, moving)
    ]
    cross = np.conj(spectra[0]) * spectra[1]
    cross /= np.abs(cross) + np.finfo(np.float32).tiny
    sizes = [fft.next_fast_len(n) for n in shape]
    surface = fft.irfft2(cross, s=sizes)
    # The peak of real anatomy is wide. A sigma of one pixel, chosen by hand.
    surface = ndimage.gaussian_filter(surface, 1.0, mode="wrap")
    peak = np.unravel_index(int(np.argmax(surface)), surface.shape)
    dy, dx = (int(p) if p <= n // 2 else int(p) - n for p, n in zip(peak, sizes, strict=True))
    return dx, dy


def coarse_shift(fixed: RegistrationPlane, moving: RegistrationPlane) -> Affine2D:
    """The shift to start from, on the working grid: phase correlation's, if it helps at all."""
    shift = phase_shift(fixed.image, moving.image)
    if shift == (0, 0):
        return Affine2D.identity()
    motion = shift_by(*shift)
    before, after = ncc_before_and_after(fixed, moving, motion)
    return motion if after > before else Affine2D.identity()


def _windowed_edges(plane: Plane) -> Plane:
    edges = ndimage.gaussian_gradient_magnitude(plane, _GRADIENT_SIGMA_PX, mode="nearest")
    window = np.hanning(edges.shape[0] + 2)[1:-1, None] * np.hanning(edges.shape[1] + 2)[None, 1:-1]
    windowed: Plane = (edges - edges.mean()) * window
    return windowed
