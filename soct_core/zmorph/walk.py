"""The way from the planes of a gap to its two sides: a fraction of the affine, and one of the displacement.

A plane at `a` pulls from before by `T**0.5 exp(-a v) T**(a-0.5)` and from after by
`T**-0.5 exp((1-a) v) T**(a-0.5)`: to the frame half-way, where the displacement v lives, and on from there.
Without a displacement these are `T**a` and `T**(a-1)`. Planes are led box by box, each from the box of the
side that it pulls from.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from soct_core.affine import Affine2D, shift_by
from soct_core.arrays import Mask
from soct_core.planes.warp import (
    EDGE_TOLERANCE,
    Box,
    Places,
    box_around,
    corners,
    coverage_of,
    covered_by,
    warp,
    warp_by,
    warp_measured,
)
from soct_core.zmorph.displacement import Displacement

ReadBox = Callable[[Box], tuple[NDArray[Any], Mask | None]]
"""Gives a box of the plane of a side, floating, and what was measured of it; None: all."""
_WAYS_HELD = 64
"""Of as many planes as a block of chunks is deep, there and back: each is as large as the working grid."""


class Walk:
    """Leads the two sides of a gap to the planes between.

    Parameters
    ----------
    motion
        The affine, in pixels of the slice.
    displacement
        None: the affine alone.
    shape
        (y, x) of the planes.
    """

    def __init__(self, motion: Affine2D, displacement: Displacement | None, shape: tuple[int, int]) -> None:
        self._motion = motion
        self._displacement = displacement
        self._shape = shape
        self._powers: dict[float, Affine2D] = {}
        self._coarser: dict[tuple[float, int], Affine2D] = {}
        self._ways: OrderedDict[tuple[float, int], Places] = OrderedDict()
        self.max_imaginary = 0.0

    def motion(self, alpha: float, side: int) -> Affine2D:
        """`T**a` to the side before, 0, or `T**(a-1)` to that after, 1."""
        return self.power(alpha - side)

    def lead(self, read: ReadBox, alpha: float, side: int, box: Box) -> tuple[NDArray[Any], Mask | None]:
        """A box of the plane of one side as the plane at `alpha` sees it, and where it does; None: all."""
        if self._displacement is not None:
            return self._lead_displaced(read, (alpha, side), box, self._displacement.step)
        rows, columns = box
        shape = rows.stop - rows.start, columns.stop - columns.start
        motion = self.motion(alpha, side).compose(shift_by(columns.start, rows.start))
        source = box_around(tuple(motion.apply(corners(shape)).T), self._shape)
        plane, where = read(source)
        within = shift_by(-source[1].start, -source[0].start).compose(motion)
        covered = coverage_of(self._shape, motion, shape)
        if where is None:
            return warp(plane, within, shape), covered
        values, there = warp_measured(plane, where, within, shape)
        return values, there if covered is None else there & covered

    def _lead_displaced(
        self, read: ReadBox, plane: tuple[float, int], box: Box, step: int
    ) -> tuple[NDArray[Any], Mask | None]:
        # Every pixel lies between two of the nodes that are cut out here; see `_nodes`.
        cut = tuple(slice(part.start // step, (part.stop - 1) // step + 3) for part in box)
        x, y = (places[cut] for places in self._nodes(*plane))
        source = box_around((x, y), self._shape)
        corner = source[0].start, source[1].start
        inner = tuple(
            slice(part.start + step * (1 - nodes.start), part.stop + step * (1 - nodes.start))
            for part, nodes in zip(box, cut, strict=True)
        )
        size = x.shape[1] * step, x.shape[0] * step
        places = (
            np.asarray(cv2.resize(x - np.float32(corner[1]), size), np.float32)[inner],
            np.asarray(cv2.resize(y - np.float32(corner[0]), size), np.float32)[inner],
        )
        held, where = read(source)
        values = warp_by(held, places)
        # Between nodes within the plane lie no places beside it.
        covered = covered_by(self._shape, places, corner, (x, y))
        if where is not None:
            share = warp_by(where.astype(held.dtype), places)
            covered = share > 0.5 if covered is None else covered & (share > 0.5)
            np.divide(values, share, out=values, where=covered & (share < 1 - EDGE_TOLERANCE))
        return values, covered

    def _nodes(self, alpha: float, side: int) -> Places:
        """Where every `step`-th pixel of the plane at `alpha` pulls from.

        Linear between them, as the affine is and the displacement nearly. Node (1, 1) is the middle of the
        first square of pixels: there is one more on every side, so that no pixel lies beyond the outermost.
        """
        if (alpha, side) in self._ways:
            self._ways.move_to_end((alpha, side))
            return self._ways[alpha, side]
        assert self._displacement is not None
        displacement = self._displacement
        step, per_pixel = displacement.step, displacement.per_pixel
        height, width = (-(-size // step) + 2 for size in self._shape)
        nodes = Affine2D.of(np.eye(2) * step, np.full(2, (step - 1) / 2 - step))
        onwards = np.array(self.power(0.5 - side).matrix) / per_pixel
        halfway = displacement.to_grid.compose(self.power(alpha - 0.5)).compose(nodes)
        matrix, offset = halfway.yx()
        way = cv2.warpAffine(
            displacement.walked(side - alpha),
            np.column_stack((matrix[::-1, ::-1], offset[::-1])),
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
        )
        matrix, offset = self.motion(alpha, side).compose(nodes).yx()
        down, across = np.arange(height)[:, None], np.arange(width)
        x, y = (
            # `yx` counts the other way.
            (
                matrix[1 - axis, 1] * across
                + (matrix[1 - axis, 0] * down + offset[1 - axis])
                + (onwards[axis, 0] * way[..., 0] + onwards[axis, 1] * way[..., 1])
            ).astype(np.float32)
            for axis in (0, 1)
        )
        places = x, y
        self._ways[alpha, side] = places
        if len(self._ways) > _WAYS_HELD:
            self._ways.popitem(last=False)
        return places

    def power(self, exponent: float) -> Affine2D:
        """A power of the affine."""
        if exponent not in self._powers:
            motion, imaginary = self._motion.power_and_imaginary(exponent)
            self.max_imaginary = max(self.max_imaginary, imaginary)
            self._powers[exponent] = motion
        return self._powers[exponent]

    def onto_coarser(self, exponent: float, factor: int) -> Affine2D:
        """A power of the affine, to pixels of a coarser grid."""
        if (exponent, factor) not in self._coarser:
            self._coarser[exponent, factor] = self.power(exponent).onto_coarser(factor)
        return self._coarser[exponent, factor]
