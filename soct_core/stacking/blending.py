"""The stack: all placed slices streamed into one volume, plane by plane, with a provenance label.

Each source chunk is read once and each output chunk written once; memory holds a few planes
of at most two slices, whatever their number. SPEC section 11.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.settings import NgffVersion, StackSettings
from soct_core.arrays import Mask, Zyx
from soct_core.planes.dtypes import to_dtype
from soct_core.progress import tell
from soct_core.stacking.canvas import Canvas, enclosing_canvas
from soct_core.stacking.gains import factor_at
from soct_core.stacking.placed_slice import PlacedSlice, Rendered, SliceRenderer
from soct_core.volume.provenance import BLEND, GAP, INTERPOLATED, LABEL_NAME, MEASURED
from soct_core.volume.reused_chunks import FormerImage
from soct_core.volume.writing import ImageSpec, image_writer


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


def stack_volume(
    plan: VolumePlan, settings: StackSettings, final: Path, version: NgffVersion = "0.5"
) -> None:
    """Stream all slices to `final`, an OME-Zarr image with a pyramid and `labels/provenance`.

    Raises
    ------
    OutputError
        If the disk refuses.
    VolumeError
        If a slice cannot be read.
    """
    z, y, x = plan.voxel_size_um
    left, top = plan.canvas.origin
    z0, y0, x0 = plan.origin_um
    dtype = np.dtype(plan.placed_slices[0].volume.dtype)
    spec = ImageSpec(
        (plan.depth, *plan.canvas.shape),
        dtype,
        plan.voxel_size_um,
        origin_um=(z0, y0 + top * y, x0 + left * x),
        version=version,
        pyramid_um=settings.pyramid_um,
        orientation=plan.orientation,
    )
    runs = spans(plan.placed_slices, plan.depth, round(settings.blend_depth_um / z))
    with image_writer(final, spec, [LABEL_NAME], plan.former) as (image, labels):
        planes = _planes(runs, plan.canvas, dtype, plan.factors, image.start)
        for done, (values, provenance) in enumerate(planes, start=image.start + 1):
            image.append(values)
            labels[LABEL_NAME].append(provenance)
            tell(done, plan.depth)


def _planes(
    runs: Sequence[Span],
    canvas: Canvas,
    dtype: np.dtype[Any],
    factors: Mapping[int, float],
    start: int,
) -> Iterator[tuple[NDArray[Any], NDArray[np.uint8]]]:
    """Planes of the volume and of its provenance, in z order, from `start` on."""
    renderers: dict[int, SliceRenderer] = {}
    gap = np.zeros(canvas.shape, dtype=dtype), np.full(canvas.shape, GAP, dtype=np.uint8)
    for run in runs:
        todo = range(max(run.first, start), run.last + 1)
        if run.owner is None:
            renderers.clear()
            for _ in todo:
                yield gap
            continue
        live = {id(placed): placed for placed in (run.owner, run.upper) if placed is not None}
        renderers = {key: renderers.get(key) or SliceRenderer(placed, canvas) for key, placed in live.items()}
        for z in todo:
            own = renderers[id(run.owner)].render(z)
            factor = factor_at(run.owner, z - run.owner.top, factors)
            if run.upper is None:
                yield _alone(own, run.owner, factor, dtype)
                continue
            above = renderers[id(run.upper)].render(z)
            scale = factors.get(run.upper.slice_id, 1.0), factor
            yield _blended(above, own, run.fade(z), scale, dtype)


def _alone(
    plane: Rendered, placed: PlacedSlice, factor: float, dtype: np.dtype[Any]
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    label = MEASURED if placed.state == "measured" else INTERPOLATED
    covered = np.ones(plane.values.shape, dtype=bool) if plane.covered is None else plane.covered
    values = plane.values if factor == 1.0 else plane.values * factor
    return to_dtype(values, dtype), np.where(covered, label, GAP).astype(np.uint8)


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
