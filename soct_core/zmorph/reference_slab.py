"""Reference slabs: means of a few planes on each side of a gap, as deep as the noise asks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from schemas.settings import SlabSize
from soct_core.arrays import Mask
from soct_core.registration.likeness import ncc
from soct_core.registration.working_plane import ReducedPlanes

SIZES = (1, 2, 3, 5, 7)
"""Planes that are tried."""
MOST_UM = 100.0
"""Depth of a slab: anatomy changes over more. Half a slice of 200 µm, by hand."""
_COST = 0.002
"""In NCC, of a plane more: where more planes gain nothing, fewer blur less. Chosen by hand."""


def most_planes(size: SlabSize, plane_um: float | None) -> int:
    """The greatest slab that a setting allows, with planes so far apart."""
    if size != "auto":
        return size
    return SIZES[-1] if plane_um is None else int(np.clip(MOST_UM / plane_um, 1, SIZES[-1]))


def slab_size(sides: Sequence[ReducedPlanes], wanted: SlabSize, most: int = SIZES[-1]) -> int:
    """Planes to average; by "auto" where two slabs of a slice, one behind the other, are most alike.

    Noise makes thin slabs unlike, anatomy thick ones, so that the noise itself decides.

    Parameters
    ----------
    sides
        Planes of each slice, the one nearest the gap first.
    wanted
        The setting `reference_slab_size`.
    most
        By "auto" at most so many.
    """
    if wanted != "auto":
        return wanted
    sizes = [size for size in SIZES if size <= most and all(2 * size <= len(s) for s in sides)]
    if not sizes:
        return 1
    # One mask for all sizes: noise can hide the tissue of thin slabs from its own threshold.
    tissue = [side.plane(0, 2 * sizes[-1] - 1).tissue for side in sides]
    return max(sizes, key=lambda size: _likeness(sides, tissue, size) - _COST * size)


def slab_around(plane: int, size: int, depth: int, *, above: bool) -> tuple[int, int]:
    """Range, inclusive and counted from the gap, of `size` planes around one.

    What would lie outside the slice is left out, not replaced from the other side: the slab must stay
    centred on its plane, or the motion would be measured over more than the gap. A slab of an even size
    has one plane more on the side of the deeper one.
    """
    nearer, further = (size // 2, (size - 1) // 2) if above else ((size - 1) // 2, size // 2)
    return max(0, plane - nearer), min(depth - 1, plane + further)


def _likeness(sides: Sequence[ReducedPlanes], tissue: Sequence[Mask], size: int) -> float:
    """Of two slabs that lie one behind the other, summed over the two slices."""
    total = 0.0
    for side, mask in zip(sides, tissue, strict=True):
        near, next_ = side.plane(0, size - 1), side.plane(size, 2 * size - 1)
        total += ncc(near.smooth, next_.smooth, mask if mask.any() else None)
    return total
