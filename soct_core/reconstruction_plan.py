"""The plan of a reconstruction: which slots are measured, to be interpolated, or gaps; which pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from soct_core.pairwise import Pair
from soct_core.slots import Slots


def pairs_to_register(
    measured: Iterable[int], interpolated: Mapping[int, int], skip: Iterable[int], slots: Slots
) -> list[Pair]:
    """Consecutive pairs of all slices present, and a bridge wherever a chain would hang on nothing.

    Parameters
    ----------
    measured
        Ids of measured slices.
    interpolated
        Top plane in the volume of each interpolated slice.
    skip
        Measured slices whose transforms must not steer (`force_skip_slices`).
    """
    tops = {i: slots.top(i) for i in measured} | dict(interpolated)
    carriers = sorted(set(measured) - set(skip))
    direct = list(pairwise(sorted(tops)))
    bridges = [pair for pair in pairwise(carriers) if pair not in direct]
    return [
        Pair(
            fixed_id=above,
            moving_id=below,
            offset=float(tops[below] - tops[above]),
            bridge=(above, below) in bridges,
            touches_interpolated=above in interpolated or below in interpolated,
        )
        for above, below in sorted(direct + bridges)
    ]
