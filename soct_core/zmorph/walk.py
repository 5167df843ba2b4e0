"""The way from the planes of a gap to its two sides: a fraction of the affine, and one of the displacement.

A plane at `a` pulls from before by `T**0.5 exp(-a v) T**(a-0.5)` and from after by
`T**-0.5 exp((1-a) v) T**(a-0.5)`: to the frame half-way, where the displacement v lives, and on from there.
Without a displacement these are `T**a` and `T**(a-1)`.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from soct_core.affine import Affine2D
from soct_core.arrays import Mask
from soct_core.planes.warp import Places, coverage, covered_by, warp, warp_by, warp_measured
from soct_core.zmorph.displacement import Displacement

_EDGE_TOLERANCE = 1e-6


class Walk:
    """Leads the two sides of a gap to the planes between.

    Parameters
    ----------
    motion
        The affine, in pixels of the slice.
    displacement
        None: the affine alone.
    """

    def __init__(self, motion: Affine2D, displacement: Displacement | None) -> None:
        self._motion = motion
        self._displacement = displacement
        self.max_imaginary = 0.0

    def motion(self, alpha: float, side: int) -> Affine2D:
        """`T**a` to the side before, 0, or `T**(a-1)` to that after, 1."""
        return self.power(alpha - side)

    def lead(
        self, plane: NDArray[Any], where: Mask | None, alpha: float, side: int
    ) -> tuple[NDArray[Any], Mask]:
        """The plane of one side, (y, x), as the plane at `alpha` sees it, and where it does see it."""
        motion, shape = self.motion(alpha, side), (plane.shape[0], plane.shape[1])
        if self._displacement is None:
            if where is not None:
                return warp_measured(plane, where, motion)
            return warp(plane, motion), coverage(shape, motion)
        places = self._places(motion, self._displacement, alpha, side, shape)
        values, covered = warp_by(plane, places), covered_by(shape, places)
        if where is not None:
            share = warp_by(where.astype(plane.dtype), places)
            covered &= share > 0.5
            np.divide(values, share, out=values, where=covered & (share < 1 - _EDGE_TOLERANCE))
        return values, covered

    def _places(
        self, motion: Affine2D, displacement: Displacement, alpha: float, side: int, shape: tuple[int, int]
    ) -> Places:
        """Where each pixel of the plane at `alpha` pulls from.

        Computed on every `step`-th pixel: linear between them, as the affine is and the displacement
        nearly.
        """
        step, per_pixel = displacement.step, displacement.per_pixel
        height, width = (-(-size // step) + 2 for size in shape)
        # One node more on every side, so that no pixel lies beyond the outermost.
        nodes = Affine2D.of(np.eye(2) * step, np.full(2, (step - 1) / 2 - step))
        nodes_x, nodes_y = np.meshgrid(np.arange(width, dtype=float), np.arange(height, dtype=float))
        places = motion.compose(nodes).apply(np.dstack((nodes_x, nodes_y)))
        way = displacement.walked(side - alpha)
        onwards = np.array(self.power(0.5 - side).matrix) / per_pixel
        way = (way @ onwards.T.astype(np.float32)).astype(np.float32)
        halfway = displacement.to_grid.compose(self.power(alpha - 0.5)).compose(nodes)
        matrix, offset = halfway.yx()
        pull = np.column_stack((matrix[::-1, ::-1], offset[::-1]))
        places += cv2.warpAffine(
            way,
            pull,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
        )
        size, inner = (width * step, height * step), tuple(slice(step, step + n) for n in shape)
        coarse = np.moveaxis(places.astype(np.float32), -1, 0)
        x, y = (np.asarray(cv2.resize(np.ascontiguousarray(one), size), np.float32)[inner] for one in coarse)
        return x, y

    def power(self, exponent: float) -> Affine2D:
        """A power of the affine."""
        motion, imaginary = self._motion.power_and_imaginary(exponent)
        self.max_imaginary = max(self.max_imaginary, imaginary)
        return motion
