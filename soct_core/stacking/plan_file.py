"""The plan of a stack as a file, `plan.json`: what a part of it needs to know, wherever it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np

from schemas.published_stack import StackContents
from schemas.stack_plan import (
    Block,
    ImagedBounds,
    ImagedPart,
    PlannedPose,
    PlannedSlice,
    PlannedSpan,
    StackPlan,
)
from soct_core.affine import Affine2D
from soct_core.arrays import Sliceable
from soct_core.planes.padding import Inside, Line
from soct_core.stacking.assembly import Stack
from soct_core.stacking.blending import Span, VolumePlan
from soct_core.stacking.canvas import Canvas
from soct_core.stacking.intensity import MatchedIntensity
from soct_core.stacking.parts import PartedVolume
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.volume import Volume
from soct_core.volume.imaged import Imaged
from soct_core.volume.level_grids import VolumeGrid


def plan_of(stack: Stack, contents: StackContents, *, look: bool = True) -> StackPlan:
    """The plan of a stack; `look`s for padding and lost chunks in the slices that its parts show.

    Raises
    ------
    ReadError, VolumeError
        If a slice cannot be read.
    """
    volume, intensity = stack.volume, stack.intensity
    spans = tuple(
        PlannedSpan(
            first=run.first,
            last=run.last,
            owner=None if run.owner is None else run.owner.slice_id,
            upper=None if run.upper is None else run.upper.slice_id,
        )
        for run in volume.spans
    )
    shown = _shown(spans, chain.from_iterable(volume.parts)) if look else set()
    return StackPlan(
        contents=contents,
        dtype=volume.plan.dtype.str,
        voxel_size_um=volume.plan.voxel_size_um,
        origin_um=volume.plan.origin_um,
        ngff_version=volume.version,
        canvas_shape=stack.canvas.shape,
        canvas_origin=stack.canvas.origin,
        depth=volume.plan.depth,
        fill=volume.plan.fill,
        slices=tuple(_planned(placed, contents, shown) for placed in volume.plan.placed_slices),
        spans=spans,
        factors=dict(intensity.factors),
        intensity_step=intensity.step,
        matched_cuts=intensity.matched,
        unmatched_cuts=intensity.unmatched,
        image=volume.grid.image,
        labels=volume.grid.labels,
        within=volume.grid.within,
        kept_planes=volume.kept_planes,
        parts=volume.parts,
    )


def is_plan_of(plan: StackPlan, stack: Stack, contents: StackContents) -> bool:
    """Whether a plan is that of a stack, to the last digit."""
    slices = tuple(one.model_copy(update={"imaged": None}) for one in plan.slices)
    return plan.model_copy(update={"slices": slices}) == plan_of(stack, contents, look=False)


def describes(plan: StackPlan, stack: Stack, contents: StackContents) -> bool:
    """Whether a plan is that of a stack, whatever it takes over from what is published."""
    history: dict[str, object] = {"kept_planes": 0, "parts": ()}
    slices = tuple(one.model_copy(update={"imaged": None}) for one in plan.slices)
    mine = plan_of(stack, contents, look=False).model_copy(update=history)
    return plan.model_copy(update=history | {"slices": slices}) == mine


def intensity_of(plan: StackPlan) -> MatchedIntensity:
    """Intensities as they were matched for a plan."""
    return MatchedIntensity(plan.factors, plan.intensity_step, plan.matched_cuts, plan.unmatched_cuts)


def slices_of_part(plan: StackPlan, index: int) -> list[int]:
    """Ids of the slices that a part shows, which are all that it reads."""
    return sorted(_shown(plan.spans, plan.parts[index]))


def _shown(spans: Sequence[PlannedSpan], blocks: Iterable[Block]) -> set[int]:
    ends = {(block.first[0], block.end[0]) for block in blocks}
    runs = [run for run in spans if any(run.first < end and run.last >= z for z, end in ends)]
    return {i for run in runs for i in (run.owner, run.upper) if i is not None}


def parted_volume(plan: StackPlan, volumes: Mapping[int, Volume]) -> PartedVolume:
    """The volume of a plan, as far as it shows some slices."""
    placed = {
        one.slice_id: _placed(one, volumes[one.slice_id]) for one in plan.slices if one.slice_id in volumes
    }
    canvas = Canvas(plan.canvas_shape, plan.canvas_origin)
    runs = [
        Span(run.first, run.last, *(None if i is None else placed[i] for i in (run.owner, run.upper)))
        for run in plan.spans
        if {run.owner, run.upper} <= {None, *placed}
    ]
    slices = VolumePlan(
        tuple(placed.values()),
        plan.depth,
        plan.voxel_size_um,
        canvas,
        plan.factors,
        origin_um=plan.origin_um,
        orientation=plan.contents.recipe.orientation,
        fill=plan.fill,
        kind=np.dtype(plan.dtype),
    )
    grid = VolumeGrid(plan.image, plan.labels, plan.within)
    return PartedVolume(slices, grid, runs, plan.contents.recipe.stack.pyramid_um, plan.ngff_version)


def _planned(placed: PlacedSlice, contents: StackContents, shown: set[int]) -> PlannedSlice:
    kind = contents.measured if placed.state == "measured" else contents.interpolated
    return PlannedSlice(
        slice_id=placed.slice_id,
        content=kind[placed.slice_id],
        state=placed.state,
        top=placed.top,
        planes=placed.planes,
        pose=_pose(placed.pose),
        pose_below=None if placed.pose_below is None else _pose(placed.pose_below),
        offset=placed.offset,
        alphas=None if placed.alphas is None else tuple(placed.alphas.tolist()),
        imaged=_imaged(placed.volume) if placed.slice_id in shown else None,
    )


def _placed(planned: PlannedSlice, volume: Volume) -> PlacedSlice:
    if planned.imaged is not None:
        volume.know_imaged(_known(planned.imaged, volume))
    return PlacedSlice(
        planned.slice_id,
        volume,
        planned.state,
        planned.top,
        planned.planes,
        _motion(planned.pose),
        None if planned.pose_below is None else _motion(planned.pose_below),
        planned.offset,
        None if planned.alphas is None else np.array(planned.alphas),
    )


def _imaged(volume: Sliceable) -> ImagedPart | None:
    if not isinstance(volume, Volume):
        return None
    found = volume.find_imaged()
    inside = None
    if found.inside is not None:
        inside = ImagedBounds(
            rows=(found.inside.rows.start, found.inside.rows.stop),
            columns=(found.inside.columns.start, found.inside.columns.stop),
            lines=tuple((*line.normal, line.reach) for line in found.inside.lines),
        )
    lost: Sequence[Sequence[int]] = [] if found.lost is None else np.argwhere(found.lost).tolist()
    return ImagedPart(inside=inside, lost=tuple((z, y, x) for z, y, x in lost))


def _known(part: ImagedPart, volume: Volume) -> Imaged:
    inside = None
    if part.inside is not None:
        lines = tuple(Line((x, y), reach) for x, y, reach in part.inside.lines)
        inside = Inside(slice(*part.inside.rows), slice(*part.inside.columns), lines)
    lost = None
    if part.lost:
        steps = zip(volume.shape, volume.chunks, strict=True)
        lost = np.zeros([-(-n // step) for n, step in steps], dtype=bool)
        lost[tuple(np.array(part.lost).T)] = True
    return Imaged(inside, lost)


def _pose(motion: Affine2D) -> PlannedPose:
    return PlannedPose(matrix=motion.matrix, translation=motion.translation, center=motion.center)


def _motion(pose: PlannedPose) -> Affine2D:
    return Affine2D(pose.matrix, pose.translation, pose.center)
