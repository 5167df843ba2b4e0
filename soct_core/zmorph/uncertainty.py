"""Uncertainty of interpolated voxels: half the width of the interval that holds 90 % of the true intensities.

True means without noise. The half width is `NOISE_SHARE * s + k * 2 sqrt(a (1 - a)) * r`: s is the standard
deviation of the noise that is left in the sources, r the local root mean square (sigma 2 px of the working
grid) of what the two sides differ by half-way, and a the depth in the gap: a path between two known ends is
least known in the middle (Brownian bridge). k says how far the truth strays in this tissue, from planes of
the slices that are held out; where noise hides that, it is a constant. Where light makes one side brighter,
r is taken without that, all grows with the brighter side, and how far the plane may be from its true
brightness is added; see `brightness`.
What the numbers were fitted on says `CALIBRATED_ON`; on other volumes `benchmarks/truth.py` measures them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from schemas.diagnostics import IntervalModel
from schemas.stack_plan import Block
from soct_core.affine import shift_by
from soct_core.arrays import Mask, Plane
from soct_core.planes.warp import warp
from soct_core.registration.working_plane import block_mean
from soct_core.volume.block_levels import WINDOW, slices, windows
from soct_core.zmorph.cross_validation import local_mean, local_rms
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


class HalfWidths:
    """Half widths of the 90 % interval, in intensity, box by box; 0 on the exact faces.

    Where one side alone shows something, nothing can be told from a difference: r is what the sides differ
    by on the whole. Where none does, it is the range of the intensities of both faces.
    """

    def __init__(self, morph: Morph, nz_out: int) -> None:
        self._morph = morph
        self._alphas = alphas(nz_out, morph.sampling)
        self._known = _KnownHalfway.of(morph)
        self._noise, self._light = morph.refined.source_noise, morph.refined.brightness
        self._stray = _stray(morph.refined)

    def voxels(self, box: Block) -> Plane:
        """Of a window of some planes, (z, y, x)."""
        planes, rows, columns = slices(box)
        made = np.zeros(box.shape, dtype=np.float32)
        for plane, alpha in zip(made, self._alphas[planes].tolist(), strict=True):
            if alpha not in (0.0, 1.0):
                halfway = self._morph.walk.onto_coarser(alpha - 0.5, self._morph.factor)
                motion = halfway.compose(shift_by(columns.start, rows.start))
                plane[:] = warp(self._grid(alpha), motion, box.shape[1:])
        return rounded(made)

    def _grid(self, alpha: float) -> Plane:
        reach = np.float32(self._stray * 2 * np.sqrt(alpha * (1 - alpha)))
        halfway = self._known
        widths = np.float32(NOISE_SHARE * self._noise) + reach * halfway.local
        if self._light.of_light:
            unknown = np.where(halfway.alone, self._light.unknown(0.0), self._light.unknown(alpha))
            reaching = np.minimum(np.float32(unknown) * halfway.shown, halfway.most)
            widths = np.float32(self._light.brightest) * widths + reaching
        return widths


def half_widths(morph: Morph, nz_out: int) -> Iterator[Plane]:
    """Half widths plane by plane, (y, x)."""
    widths = HalfWidths(morph, nz_out)
    for z in range(nz_out):
        plane = np.empty(morph.shape, np.float32)
        for window in windows(Block(first=(z, 0, 0), end=(z + 1, *morph.shape))):
            plane[slices(window)[1:]] = widths.voxels(window)[0]
        yield plane


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


@dataclass(frozen=True, eq=False)
class _KnownHalfway:
    """What the sides show half-way, on the working grid, at the same brightness so far as light differs."""

    local: Plane
    """Local RMS of what they differ by; where one side alone shows something, that of all."""
    shown: Plane
    """Local mean of what they show, as a magnitude."""
    alone: Mask
    """Where not both show something."""
    most: np.float32
    """The range of the intensities."""

    @classmethod
    def of(cls, morph: Morph) -> _KnownHalfway:
        """What the sides of a morph show."""
        factor, (height, width) = morph.factor, morph.shape
        grid = height // factor, width // factor
        square, share, seen, shown = (np.empty(grid, np.float32) for _ in range(4))
        total, count = 0.0, 0
        lift = [np.float32(factor) for factor in morph.refined.brightness.to_middle]
        # Whole pixels of the working grid, however the image is written.
        side = factor * max(1, WINDOW // factor)
        for y, x in product(range(0, height, side), range(0, width, side)):
            box = slice(y, min(y + side, height)), slice(x, min(x + side, width))
            (before, sees_before), (after, sees_after) = morph.sides(0.5, box)
            sees = [
                np.ones(before.shape, dtype=bool) if one is None else one for one in (sees_before, sees_after)
            ]
            both, any_ = sees[0] & sees[1], sees[0] | sees[1]
            if lift != [1, 1]:
                before, after = before * lift[0], after * lift[1]
            unlike = np.where(both, (before - after).astype(np.float32) ** 2, np.float32(0))
            total, count = total + float(unlike.sum(dtype=np.float64)), count + int(both.sum())
            small = tuple(slice(part.start // factor, part.stop // factor) for part in box)
            if square[small].size:
                square[small] = block_mean(unlike, factor)
                share[small] = block_mean(both.astype(np.float32), factor)
                seen[small] = block_mean(any_.astype(np.float32), factor)
                shown[small] = block_mean(_mean_of_seen((before, after), sees), factor)
        overall = np.sqrt(total / max(float(count), 1e-6 * height * width))
        most = np.float32(morph.intensity_range)
        nothing = np.where(seen > _LEAST_SHARE, np.float32(overall), most)
        twice = share > _LEAST_SHARE
        local = np.where(twice, local_rms(square, share), nothing).astype(np.float32)
        mean = np.abs(local_mean(shown)) / np.maximum(local_mean(seen), 1e-6)
        return cls(local, np.where(seen > 0, mean, 0).astype(np.float32), ~twice, most)


def _mean_of_seen(sides: tuple[Plane, Plane], sees: list[Mask]) -> Plane:
    """Mean of what the sides show; 0 where neither shows anything."""
    total = sum(np.where(where, side, 0) for side, where in zip(sides, sees, strict=True))
    return np.asarray(total / np.maximum(sees[0].astype(np.float32) + sees[1], 1), np.float32)


_LEAST_SHARE = 0.5
"""Of the pixels beneath one of the working grid that both sides must show."""


def rounded(plane: Plane) -> Plane:
    """Half widths, float32, with `_MANTISSA_BITS` bits of mantissa each."""
    dropped = 23 - _MANTISSA_BITS
    bits = np.ascontiguousarray(plane).view(np.uint32)
    bits += np.uint32(1 << (dropped - 1))
    bits &= np.uint32(0xFFFFFFFF ^ ((1 << dropped) - 1))
    return bits.view(np.float32)
