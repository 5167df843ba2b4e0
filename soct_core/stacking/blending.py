"""Blending: which slice owns which planes of the volume, where two cross over, and the voxels of any box.

A box depends on nothing but the plan and the slices: whoever makes it, it has the same bits. SPEC section 11.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.stack_plan import Block
from soct_core.arrays import Mask, Zyx
from soct_core.planes.dtypes import to_dtype
from soct_core.stacking.canvas import Canvas, enclosing_canvas
from soct_core.stacking.gains import factor_at
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.stacking.rendering import Rendered, SliceRenderer
from soct_core.volume.chunk_cache import ChunkCache
from soct_core.volume.provenance import BLEND, GAP, INTERPOLATED, MEASURED
from soct_core.volume.reused_chunks import FormerImage


@dataclass(frozen=True)
class Span:
    """A run of planes with one owner, and the slice above that fades out over them."""

    first: int
    last: int
    owner: PlacedSlice | None
    upper: PlacedSlice | None = None

    def fade(self, z: int) -> float:
        """Weight of the upper slice: a Hann ramp from 1 to 0 over the span."""
        t = (z - self.first + 0.5) / (self.last - self.first + 1)
        return 0.5 * (1.0 + float(np.cos(np.pi * t)))


def spans(placed_slices: Sequence[PlacedSlice], depth: int, blend_planes: int) -> list[Span]:
    """Who owns which planes, from the top of the volume to its end, without holes.

    A plane belongs to the measured slice that begins last at or above it and is trusted there;
    where there is none, to an interpolated one. Where the measured slice above has data below the
    boundary, it fades out over at most `blend_planes`. Interpolated slices never fade.
    """
    owners: list[PlacedSlice | None] = [None] * depth
    ordered = sorted(placed_slices, key=lambda placed: (placed.state == "measured", placed.top))
    for placed in ordered:
        for z in range(placed.top, min(placed.bottom, depth)):
            owners[z] = placed
    measured = [placed for placed in ordered if placed.state == "measured"]
    found: list[Span] = []
    for _, run in groupby(range(depth), key=lambda z: id(owners[z])):
        planes = list(run)
        first, last, owner = planes[0], planes[-1], owners[planes[0]]
        upper = _fading(measured, owner, first)
        ramp = 0 if upper is None else min(blend_planes, _data_end(upper) - first, len(planes))
        if ramp > 0:
            found.append(Span(first, first + ramp - 1, owner, upper))
        if ramp < len(planes):
            found.append(Span(first + ramp, last, owner))
    return found


def _fading(measured: Sequence[PlacedSlice], owner: PlacedSlice | None, first: int) -> PlacedSlice | None:
    """The measured slice right above a measured one, if it has data below the boundary."""
    if owner is None or owner.state != "measured" or first != owner.top:
        return None
    index = measured.index(owner)
    above = measured[index - 1] if index else None
    reaches = above is not None and above.bottom >= first and _data_end(above) > first
    return above if reaches else None


def _data_end(placed: PlacedSlice) -> int:
    """First plane of the volume below all that was imaged of a slice, trusted or not."""
    return placed.top + placed.volume.shape[0]


def first_change(before: Sequence[Span], after: Sequence[Span]) -> int:
    """The first plane that has another owner or another ramp, or that only one of the two has."""
    pairs = zip(_makings(before), _makings(after), strict=False)
    shorter = min(before[-1].last, after[-1].last) + 1
    return next((z for z, (a, b) in enumerate(pairs) if a != b), shorter)


def _makings(runs: Sequence[Span]) -> Iterator[tuple[object, ...]]:
    """What each plane is made of."""
    for run in runs:
        ramp = (id(run.upper), run.first, run.last) if run.upper is not None else ()
        yield from [(id(run.owner), *ramp)] * (run.last - run.first + 1)


def canvas_of(placed_slices: Iterable[PlacedSlice]) -> Canvas:
    """The smallest canvas that holds all slices in their poses."""
    return enclosing_canvas(
        (placed.to_pixels(pose), placed.plane_shape) for placed in placed_slices for pose in placed.poses()
    )


@dataclass(frozen=True)
class VolumePlan:
    """What a volume will be made of, known before any voxel is read."""

    placed_slices: Sequence[PlacedSlice]
    """Measured and interpolated, of one dtype, in their poses."""
    depth: int
    """Planes of the volume."""
    voxel_size_um: Zyx
    canvas: Canvas
    factors: Mapping[int, float] = field(default_factory=dict)
    """Intensity factors of measured slices, by id; 1 where left out."""
    former: FormerImage | None = None
    """A volume on the same canvas, whose first planes would become the same again."""
    origin_um: Zyx = (0.0, 0.0, 0.0)
    """Where pixel (0, 0) of the slices and plane 0 of the volume lie in the world."""
    orientation: str | None = None
    """To which side of the animal z, y and x run."""
    fill: float = 0.0
    """What a voxel holds where no slice was measured."""
    kind: np.dtype[Any] | None = None
    """The dtype, where there may be no slice that shows it: a part of the volume can lie in a gap."""

    def factor(self, slice_id: int) -> float:
        """Intensity factor of a measured slice."""
        return self.factors.get(slice_id, 1.0)

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of all slices."""
        return self.kind or np.dtype(self.placed_slices[0].volume.dtype)

    @property
    def corner_um(self) -> Zyx:
        """Where the first voxel of the volume lies in the world."""
        _, y, x = self.voxel_size_um
        left, top = self.canvas.origin
        z0, y0, x0 = self.origin_um
        return z0, y0 + top * y, x0 + left * x


class Blender:
    """Makes the voxels of boxes of a volume, each from the boxes of the slices that it shows."""

    def __init__(self, plan: VolumePlan, runs: Sequence[Span]) -> None:
        self._plan, self._runs = plan, runs
        self._cache = ChunkCache()
        self._renderers: dict[int, SliceRenderer] = {}
        self._scratch = np.empty(0, plan.dtype), np.empty(0, np.uint8)

    def voxels(self, box: Block) -> tuple[NDArray[Any], NDArray[np.uint8]]:
        """Voxels and provenance of a box; both hold only until the next box is made.

        Raises
        ------
        ReadError, VolumeError
            If a slice cannot be read.
        """
        if self._scratch[0].size < math.prod(box.shape):
            self._scratch = (
                np.empty(math.prod(box.shape), self._plan.dtype),
                np.empty(math.prod(box.shape), np.uint8),
            )
        values, labels = (held[: math.prod(box.shape)].reshape(box.shape) for held in self._scratch)
        first, end = box.first[0], box.end[0]
        runs = [run for run in self._runs if run.first < end and run.last >= first]
        self._hold(runs)
        if sum(min(run.last + 1, end) - max(run.first, first) for run in runs) != end - first:
            raise ValueError(f"planes {first} to {end - 1}: not all of them have a span in the plan")
        for run in runs:
            planes = range(max(run.first, first), min(run.last + 1, end))
            inside = slice(planes.start - first, planes.stop - first)
            if run.owner is None:
                values[inside], labels[inside] = 0, GAP
                continue
            made = self._planes(run, run.owner, planes, box)
            for z, (plane, provenance) in zip(planes, made, strict=True):
                values[z - first], labels[z - first] = plane, provenance
        if self._plan.fill:
            values[labels == GAP] = self._plan.fill
        return values, labels

    def _planes(
        self, run: Span, owner: PlacedSlice, planes: range, box: Block
    ) -> Iterator[tuple[NDArray[Any], NDArray[np.uint8] | int]]:
        """Planes of one run, within the rows and columns of a box."""
        rows, columns = (slice(a, b) for a, b in zip(box.first[1:], box.end[1:], strict=True))
        own = self._renderers[id(owner)].render(planes, rows, columns)
        dtype, factors = self._plan.dtype, self._plan.factors
        if run.upper is None:
            for z, plane in zip(planes, own, strict=True):
                yield _alone(plane, owner, factor_at(owner, z - owner.top, factors), dtype)
            return
        above = self._renderers[id(run.upper)].render(planes, rows, columns)
        for z, plane, upper in zip(planes, own, above, strict=True):
            scale = self._plan.factor(run.upper.slice_id), factor_at(owner, z - owner.top, factors)
            yield _blended(upper, plane, run.fade(z), scale, dtype)

    def _hold(self, runs: Sequence[Span]) -> None:
        """Renderers of the slices that a box shows, and chunks of no others."""
        live = {id(p): p for run in runs for p in (run.owner, run.upper) if p is not None}
        self._renderers = {
            key: self._renderers.get(key) or SliceRenderer(placed, self._plan.canvas, self._cache)
            for key, placed in live.items()
        }
        self._cache.keep_only([placed.volume for placed in live.values()])


def _alone(
    plane: Rendered, placed: PlacedSlice, factor: float, dtype: np.dtype[Any]
) -> tuple[NDArray[Any], NDArray[np.uint8] | int]:
    label = MEASURED if placed.state == "measured" else INTERPOLATED
    values = to_dtype(plane.values if factor == 1.0 else plane.values * factor, dtype)
    return values, label if plane.covered is None else plane.covered * np.uint8(label)


def _blended(
    above: Rendered, own: Rendered, fade: float, scale: tuple[float, float], dtype: np.dtype[Any]
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Cross over only where both have data; a zero that was measured is data."""
    has_above, has_own = _has_data(above), _has_data(own)
    both = has_above & has_own
    mixed = np.where(has_own, own.values * scale[1], np.where(has_above, above.values * scale[0], 0))
    mixed = np.where(both, fade * (above.values * scale[0]) + (1 - fade) * (own.values * scale[1]), mixed)
    label = np.where(has_own | has_above, MEASURED, GAP)
    return to_dtype(mixed, dtype), np.where(both, BLEND, label).astype(np.uint8)


def _has_data(plane: Rendered) -> Mask:
    return np.ones(plane.values.shape, dtype=bool) if plane.covered is None else plane.covered
