"""Brightness across a gap: what its two sides differ by, and how much of that no depth is known for.

Where light is lost with depth, tissue darkens through the slice before and through the slice after, and is
bright again at the top of the latter. The missing slice ran from bright to dark like the two; what is led
from one face to the other runs from dark to bright. Neither the slices nor the gap say how bright it was at
which depth: only that it lay between the two.

References
----------
.. [1] Sen PK (1968). Estimates of the regression coefficient based on Kendall's tau. Journal of the American
   Statistical Association 63(324), 1379-1389. doi:10.1080/01621459.1968.10480934
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from soct_core.registration.working_plane import ReducedPlanes
from soct_core.zmorph.near_planes import NearSide

BRIGHTER = 1.5
"""Tissue next to a gap that differs in brightness by more, as a ratio, does so for the light and not for the
anatomy. By hand: 1.4 at most in gaps of five volumes, but for shadows."""
LEAST_LOSS = 0.05
"""In natural logarithms; less is taken to be anatomy. By hand: 1 of 154 gaps of `benchmarks/truth.py` without
a loss has more."""
_LEAST_PLANES = 3
"""Of a slice, to tell how it darkens."""
_DARKEST_PERCENTILE, _DARKEST_SHARE = 1.0, -0.1
"""Where the darkest of a plane lies below 0 by so much of its tissue, 0 is not dark, and no ratio means
anything. By hand."""


@dataclass(frozen=True)
class Brightness:
    """Brightness of the tissue on both sides of a gap, for intensities that are 0 where it is dark."""

    step: float | None = None
    """Mean of the tissue next to the gap, of after over before; None where that means nothing."""
    of_light: float | None = None
    """Share of the step, in logarithms, that light makes and not anatomy; None where that is not known."""

    @property
    def to_middle(self) -> tuple[float, float]:
        """Factors that bring before and after to the same brightness, so far as light makes the step."""
        if self.step is None or not self.of_light:
            return 1.0, 1.0
        middle = (1 + self.step) / 2
        return middle**self.of_light, (middle / self.step) ** self.of_light

    @property
    def brightest(self) -> float:
        """Brightness that a plane has at most, as a share of that in the middle: errors grow with it."""
        if self.step is None or not self.of_light:
            return 1.0
        return float((max(self.step, 1.0) * 2 / (1 + self.step)) ** self.of_light)

    def unknown(self, alpha: float) -> float:
        """How far the plane at `alpha` may lie from its true brightness, as a share of that in the middle.

        At 0, and at 1, it is the whole step: so far may be what one side alone shows, at any depth.
        """
        if self.step is None or not self.of_light:
            return 0.0
        shown = 1 + alpha * (self.step - 1)
        far = max(max(self.step, 1.0) - shown, shown - min(self.step, 1.0))
        return self.of_light * far * 2 / (1 + self.step)


UNKNOWN = Brightness()


def brightness_across(sides: tuple[NearSide, NearSide], averaged: int) -> Brightness:
    """Brightness of before and after, and what of their step is light.

    Light is what both slices take back within themselves, from the top of each to its bottom, and what is
    beyond all anatomy.

    Parameters
    ----------
    sides
        Of before and of after.
    averaged
        Planes next to the gap whose mean is compared.
    """
    above, below = (_mean_of_tissue(side.planes, averaged) for side in sides)
    if above is None or below is None:
        return UNKNOWN
    step = below / above
    whole = float(np.log(step))
    beyond = abs(whole) - float(np.log(BRIGHTER))
    falls = [_fall(side, averaged) for side in sides]
    if not whole or None in falls:
        return Brightness(step, beyond / abs(whole) if beyond > 0 else None)
    # Of a step up, what tissue falls by in both slices; of a step down, what it rises by.
    lost = min(float(np.sign(whole)) * fall for fall in falls if fall is not None)
    light = max(lost if lost > LEAST_LOSS else 0.0, beyond)
    return Brightness(step, float(np.clip(light / abs(whole), 0.0, 1.0)))


def _mean_of_tissue(planes: ReducedPlanes, averaged: int) -> float | None:
    """Mean intensity of the tissue next to the gap; None where it shows none, or 0 is not dark."""
    shown = planes.intensity(0, averaged - 1)
    tissue = shown[planes.plane(0, averaged - 1).tissue]
    if not tissue.size:
        return None
    mean = float(tissue.mean())
    darkest = float(np.nanpercentile(shown, _DARKEST_PERCENTILE))
    return mean if mean > 0 and darkest >= _DARKEST_SHARE * mean else None


def _fall(side: NearSide, averaged: int) -> float | None:
    """By how much the tissue of a slice darkens from its top to its bottom, in logarithms; None: not known.

    The median of the slopes between all planes that were read [1]_: single planes lead nobody astray.
    """
    tissue = side.planes.plane(0, averaged - 1).tissue
    means, away = side.planes.means(tissue), np.arange(len(side.planes))
    if side.far is not None:
        at_far_end = side.far.plane(0, len(side.far) - 1).tissue
        means = np.concatenate([means, side.far.means(at_far_end)])
        away = np.concatenate([away, side.depth - len(side.far) + np.arange(len(side.far))])
    known = means > 0
    if known.sum() < _LEAST_PLANES:
        return None
    slope = float(stats.theilslopes(np.log(means[known]), away[known])[0])
    return (slope if side.above else -slope) * side.depth
