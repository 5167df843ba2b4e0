"""Rendering: boxes of the canvas, each from the box of a slice that it shows and a margin of that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soct_core.affine import Affine2D, shift_by
from soct_core.arrays import Mask
from soct_core.planes.dtypes import to_float
from soct_core.planes.measured import blanked, imaged_of, measured
from soct_core.planes.warp import corners, coverage_of, warp, warp_measured
from soct_core.stacking.canvas import IDENTITY_PX, Canvas
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.volume.chunk_cache import ChunkCache

_MARGIN = 2
"""Pixels around what a warp pulls from: one for the interpolation, one for the rounding of coordinates."""


@dataclass(frozen=True, eq=False)
class Rendered:
    """A plane of a box of the canvas."""

    values: NDArray[Any]
    covered: Mask | None
    """Where it has data; None: everywhere."""


class SliceRenderer:
    """Renders boxes of the canvas from a placed slice; holds no voxels but those in the cache."""

    def __init__(self, placed: PlacedSlice, canvas: Canvas, cache: ChunkCache) -> None:
        self.placed = placed
        self._canvas, self._cache = canvas, cache
        self._imaged = imaged_of(placed.volume)
        self._motions: dict[int, Affine2D] = {}

    def render(self, planes: range, rows: slice, columns: slice) -> Iterator[Rendered]:
        """Its planes at some depths of the volume, in order: raw where its pose moves whole pixels."""
        first = self.placed.top
        if self.placed.alphas is None:
            yield from self._moved(slice(planes.start - first, planes.stop - first), rows, columns)
            return
        for z in planes:
            yield from self._moved(slice(z - first, z - first + 1), rows, columns)

    def _moved(self, planes: slice, rows: slice, columns: slice) -> Iterator[Rendered]:
        """Planes of the slice that have one pose."""
        shape = rows.stop - rows.start, columns.stop - columns.start
        motion = self._motion(planes.start).compose(shift_by(columns.start, rows.start))
        source = _source(motion, shape, self.placed.plane_shape)
        if source is None:
            nothing = np.zeros(shape, dtype=self.placed.volume.dtype), np.zeros(shape, dtype=bool)
            yield from [Rendered(*nothing)] * (planes.stop - planes.start)
            return
        block, where = self._read(planes, source)
        covered = coverage_of(self.placed.plane_shape, motion, shape)
        within = shift_by(-source[1].start, -source[0].start).compose(motion)
        whole = is_whole_shift(motion)
        for index, raw in enumerate(block):
            known = None if where is None or where[index].all() else where[index]
            plane = raw if known is None else blanked(raw, known)
            if whole:
                there = covered if known is None else _shifted(known, within, shape)
                yield Rendered(_shifted(plane, within, shape), there)
                continue
            if known is None:
                values, there = warp(to_float(plane), within, shape), covered
            else:
                values, there = warp_measured(to_float(plane), known, within, shape)
                there = there if covered is None else there & covered
            if there is not None:
                values[~there] = 0
            yield Rendered(values, there)

    def _motion(self, plane: int) -> Affine2D:
        """From canvas pixels to those of the volume."""
        plane = 0 if self.placed.alphas is None else plane
        if plane not in self._motions:
            pose = self.placed.to_pixels(self.placed.pose_at(plane))
            self._motions[plane] = _snapped(self._canvas.to_slice(pose), self._canvas.shape)
        return self._motions[plane]

    def _read(self, planes: slice, source: tuple[slice, slice]) -> tuple[NDArray[Any], Mask | None]:
        box = planes, *source
        values = self._cache.box(self.placed.volume, box)
        imaged = None if getattr(self._imaged, "is_whole", False) else np.asarray(self._imaged[box])
        return values, measured(values, None if imaged is None or imaged.all() else imaged)


def _source(
    motion: Affine2D, shape: tuple[int, int], source_shape: tuple[int, int]
) -> tuple[slice, slice] | None:
    """Rows and columns that a box pulls from; None where it lies beside the slice."""
    at = motion.apply(corners(shape))[:, ::-1]
    margin = 0 if is_whole_shift(motion) else _MARGIN
    low = np.maximum(np.floor(at.min(axis=0) + IDENTITY_PX) - margin, 0).astype(int)
    high = np.minimum(np.ceil(at.max(axis=0) - IDENTITY_PX) + 1 + margin, source_shape).astype(int)
    if (low >= high).any():
        return None
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def is_whole_shift(motion: Affine2D) -> bool:
    """Whether a motion is a shift by whole pixels, which needs no interpolation."""
    shift = np.array(motion.about((0.0, 0.0)).translation)
    return motion.matrix == ((1.0, 0.0), (0.0, 1.0)) and bool((shift == np.rint(shift)).all())


def _snapped(motion: Affine2D, shape: tuple[int, int]) -> Affine2D:
    """A motion, or the shift by whole pixels from which it differs by rounding alone."""
    at = corners(shape)
    away = motion.apply(at) - at
    whole = np.rint(away[0])
    return shift_by(*whole.tolist()) if float(np.abs(away - whole).max()) < IDENTITY_PX else motion


def _shifted(plane: NDArray[Any], motion: Affine2D, shape: tuple[int, int]) -> NDArray[Any]:
    """`out(x) = plane(x + s)` for a whole shift s; zeros outside."""
    dx, dy = (round(v) for v in motion.about((0.0, 0.0)).translation)
    if (dx, dy) == (0, 0) and plane.shape == shape:
        return plane
    out = np.zeros(shape, dtype=plane.dtype)
    rows = range(max(0, -dy), min(shape[0], plane.shape[0] - dy))
    columns = range(max(0, -dx), min(shape[1], plane.shape[1] - dx))
    if rows and columns:
        out[rows.start : rows.stop, columns.start : columns.stop] = plane[
            rows.start + dy : rows.stop + dy, columns.start + dx : columns.stop + dx
        ]
    return out
