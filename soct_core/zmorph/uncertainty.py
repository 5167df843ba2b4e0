"""Uncertainty of interpolated voxels: half the width of the interval that holds 90 % of the true intensities.

True means without noise. The half width is `NOISE_SHARE * s + k * 2 sqrt(a (1 - a)) * r`: s is the standard
deviation of the noise that is left in the sources, r the local root mean square (sigma 2 px of the working
grid) of what the two sides differ by half-way, and a the depth in the gap: a path between two known ends is
least known in the middle (Brownian bridge). k says how far the truth strays in this tissue, from planes of
the slices that are held out; where noise hides that, it is a constant. What the numbers were fitted on says
`CALIBRATED_ON`; on other volumes they are measured by `benchmarks/truth.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from schemas.diagnostics import IntervalModel
from soct_core.arrays import Plane
from soct_core.planes.warp import warp
from soct_core.registration.working_plane import block_mean
from soct_core.zmorph.cross_validation import local_rms
from soct_core.zmorph.morph import Morph, Refined, alphas

LEVEL = 0.9
"""Share of voxels whose noise-free intensity should lie within the interval."""
NOISE_SHARE = 0.4
DIFFERENCE_SHARE = 1.1
"""Of the error of planes that were held out: those are no further apart than the faces of the gap, and were
not moved by an affine."""
LEAST_SHARE, MOST_SHARE = 0.55, 1.75
"""Bounds of k. Where planes have nothing in common, 90 % lie within 1.4 for a normal distribution."""
UNKNOWN_SHARE = 1.0
"""k where nothing could be held out. Too wide by a little where all is noise; but anatomy that has nothing in
common from plane to plane looks like noise, and there less would be too narrow by far."""
CALIBRATED_ON = (
    "tissue of a mouse brain (two-photon, 50 um) and of an iguana (CT, 102 um): "
    "clean, four looks, one look, log"
)
_MANTISSA_BITS = 7
"""Kept of each value, within 0.4 %: what is no more exact than that compresses well."""


def half_widths(morph: Morph, nz_out: int) -> Iterator[Plane]:
    """Half widths of the 90 % interval, in intensity, plane by plane, (y, x); 0 on the exact faces.

    Where one side alone shows something, nothing can be told from a difference: r is what the sides differ
    by on the whole. Where none does, it is the range of the intensities of both faces.
    """
    local, noise = _local_difference(morph), morph.refined.source_noise
    factor, stray = morph.factor, _stray(morph.refined)
    for alpha in alphas(nz_out, morph.sampling):
        if alpha in (0.0, 1.0):
            yield np.zeros(morph.shape, dtype=np.float32)
            continue
        reach = np.float32(stray * 2 * np.sqrt(alpha * (1 - alpha)))
        grid = np.float32(NOISE_SHARE * noise) + reach * local
        halfway = morph.walk.power(alpha - 0.5)
        yield rounded(np.asarray(warp(grid, halfway.onto_coarser(factor), morph.shape), np.float32))


def interval_model(mean: float | None = None) -> IntervalModel:
    """How half widths are computed, for the diagnostics.

    Parameters
    ----------
    mean
        Mean half width of all voxels, in intensity.
    """
    return IntervalModel(
        level=LEVEL,
        noise_share=NOISE_SHARE,
        difference_share=DIFFERENCE_SHARE,
        unknown_share=UNKNOWN_SHARE,
        calibrated_on=CALIBRATED_ON,
        mean=mean,
    )


def _stray(refined: Refined) -> float:
    """k: how far the truth strays half-way, as a share of the local difference of the sides."""
    if refined.held_out_error is None:
        return UNKNOWN_SHARE
    return float(np.clip(DIFFERENCE_SHARE * refined.held_out_error, LEAST_SHARE, MOST_SHARE))


def _local_difference(morph: Morph) -> Plane:
    """Local root mean square of what the sides differ by, half-way, on the working grid."""
    (before, sees_before), (after, sees_after) = morph.sides(0.5)
    both = sees_before & sees_after
    square = np.where(both, (before - after).astype(np.float32) ** 2, np.float32(0))
    share = block_mean(both.astype(np.float32), morph.factor)
    local = local_rms(block_mean(square, morph.factor), share)
    seen = block_mean((sees_before | sees_after).astype(np.float32), morph.factor) > _LEAST_SHARE
    overall = np.sqrt(square.mean(dtype=np.float64) / max(float(both.mean()), 1e-6))
    alone = np.where(seen, np.float32(overall), np.float32(morph.intensity_range))
    return np.asarray(np.where(share > _LEAST_SHARE, local, alone), np.float32)


_LEAST_SHARE = 0.5
"""Of the pixels beneath one of the working grid that both sides must show."""


def rounded(plane: Plane) -> Plane:
    """Half widths, float32, with `_MANTISSA_BITS` bits of mantissa each."""
    dropped = 23 - _MANTISSA_BITS
    bits = np.ascontiguousarray(plane).view(np.uint32)
    bits += np.uint32(1 << (dropped - 1))
    bits &= np.uint32(0xFFFFFFFF ^ ((1 << dropped) - 1))
    return bits.view(np.float32)
