"""Brightness across a gap: what its two sides differ by, and how much of that no depth is known for.

Where light is lost with depth, tissue darkens through the slice before and through the slice after, and is
bright again at the top of the latter. The missing slice ran from bright to dark like the two; what is led
from one face to the other runs from dark to bright. Neither the slices nor the gap say how bright it was at
which depth: only that it lay between the two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from soct_core.registration.working_plane import ReducedPlanes
from soct_core.zmorph.near_planes import NearSide

BRIGHTER = 1.5
"""Tissue next to a gap that differs in brightness by more, as a ratio, does so for the light and not for the
anatomy. Measured: 1.35 at most in 320 gaps of five volumes, without attenuation."""
LEAST_LOSS = 0.05
"""In natural logarithms; less is taken to be anatomy. Measured: 0.026 at most in gaps of two volumes."""


@dataclass(frozen=True)
class Brightness:
    """Brightness of the tissue on both sides of a gap."""

    step: float | None = None
    """Mean of the tissue next to the gap, of after over before; None where one of them is not above 0."""
    of_light: float = 0.0
    """Share of the step, in logarithms, that light makes and not anatomy."""

    @property
    def to_middle(self) -> tuple[float, float]:
        """Factors that bring before and after to the same brightness, so far as light makes the step."""
        if self.step is None or not self.of_light:
            return 1.0, 1.0
        middle = (1 + self.step) / 2
        return middle**self.of_light, (middle / self.step) ** self.of_light

    def unknown(self, alpha: float) -> float:
        """How far the plane at `alpha` may lie from its true brightness, as a share of that in the middle."""
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
        Planes whose mean is looked at, next to the gap and at the far ends.
    """
    near = [_mean_of_tissue(side.planes, 0, averaged - 1) for side in sides]
    if min(near) <= 0:
        return UNKNOWN
    step = near[1] / near[0]
    whole = float(np.log(step))
    if not whole:
        return Brightness(step)
    far = [_far_mean(side, averaged) for side in sides]
    lost = 0.0
    if min(far) > 0:
        # From the bottom of each slice to its top.
        regained = np.log(far[0] / near[0]), np.log(near[1] / far[1])
        lost = float(min(np.sign(whole) * regained[0], np.sign(whole) * regained[1]))
    light = max(lost if lost > LEAST_LOSS else 0.0, abs(whole) - float(np.log(BRIGHTER)))
    return Brightness(step, float(np.clip(light / abs(whole), 0.0, 1.0)))


def _far_mean(side: NearSide, averaged: int) -> float:
    """Mean of the tissue farthest from the gap; 0 where the slice is too thin to tell."""
    planes = side.planes if side.far is None else side.far
    if side.far is None and len(planes) < 2 * averaged:
        return 0.0
    return _mean_of_tissue(planes, max(0, len(planes) - averaged), len(planes) - 1)


def _mean_of_tissue(planes: ReducedPlanes, first: int, last: int) -> float:
    """Mean intensity of the tissue of some planes; 0 where they show none."""
    shown = planes.intensity(first, last)[planes.plane(first, last).tissue]
    return float(shown.mean()) if shown.size else 0.0
