"""The pairs of a reconstruction: which slices are registered to which, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from schemas.pairwise import PairRole

MAX_CHECK_SPAN = 4
"""In slots. A guess that served: across more slots anatomy changes too much."""


@dataclass(frozen=True)
class PlannedPair:
    """Two slices to register, and why."""

    fixed_id: int
    moving_id: int
    role: PairRole


def pairs_to_register(
    measured: Iterable[int], interpolated: Iterable[int], skip: Iterable[int], *, checks: bool = True
) -> list[PlannedPair]:
    """Consecutive pairs of all slices present, bridges between those that may steer, and checks.

    A chain of pairs alone cannot show which of them is wrong; second neighbours close it into triangles,
    which can.

    Parameters
    ----------
    measured, interpolated
        Ids of the slices present.
    skip
        Measured slices whose transforms must not steer (`force_skip_slices`).
    """
    measured = set(measured)
    carriers = sorted(measured - set(skip))
    roles: dict[tuple[int, int], PairRole] = {}
    if checks:
        near = (
            pair for pair in zip(carriers, carriers[2:], strict=False) if pair[1] - pair[0] <= MAX_CHECK_SPAN
        )
        roles |= dict.fromkeys(near, "check")
    roles |= dict.fromkeys(pairwise(carriers), "bridge")
    roles |= dict.fromkeys(pairwise(sorted(measured | set(interpolated))), "neighbours")
    return [PlannedPair(above, below, role) for (above, below), role in sorted(roles.items())]
