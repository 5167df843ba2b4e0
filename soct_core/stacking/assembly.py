"""Assembly: from slices, pairs and slots to slices in their poses, the volume, and the decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from schemas.settings import StackRecipe
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from soct_core.affine import Affine2D, plane_center
from soct_core.errors import AcquisitionError
from soct_core.planes.measured import background_of
from soct_core.registration.working_plane import pixel_aspect
from soct_core.stacking.blending import VolumePlan, canvas_of
from soct_core.stacking.canvas import Canvas, enlarged, is_identity, with_margin
from soct_core.stacking.cuts import cut_columns, cut_remarks
from soct_core.stacking.decisions import decision
from soct_core.stacking.inputs import Assembled, StackInput
from soct_core.stacking.intensity import MatchedIntensity, match_intensity
from soct_core.stacking.parts import PartedVolume
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.stacking.poses import PairMotion, PairVerdict, SolvedPose, solve_poses
from soct_core.stacking.published import PublishedStack
from soct_core.stacking.uncertainty import PartedUncertainty
from soct_core.stacking.z_corrections import from_datum, z_corrections
from soct_core.storage.atomic import publish_text
from soct_core.volume.reused_chunks import FormerImage
from soct_core.zmorph.morph import alphas


def assemble(given: StackInput, recipe: StackRecipe, published: PublishedStack | None = None) -> Assembled:
    """Solve poses and place every slice, those that are published where they are; reads no voxel.

    Raises
    ------
    AcquisitionError
        If there is no measured slice.
    """
    if not given.measured:
        raise AcquisitionError("there is no measured slice to stack")
    steering = [
        pair for pair in given.pairs if pair.fixed_id not in given.skip and pair.moving_id not in given.skip
    ]
    poses, verdicts = _solved(given, steering, recipe, published.poses if published else {})
    verdicts |= published.verdicts if published else {}
    known = published.corrections_um if published else {}
    corrections = (
        z_corrections(list(given.measured), given.z_drifts, recipe.z_bound_um, known)
        if recipe.stack.z_refine
        else {}
    )
    placed_slices = _placed_measured(given, poses, from_datum(corrections))
    placed_slices += _placed_interpolated(given, placed_slices, recipe)
    last = max(given.measured)
    nominal = given.slots.depth(last, given.measured[last].shape[0])
    depth = max(nominal, *(placed.bottom for placed in placed_slices))
    return Assembled(
        tuple(sorted(placed_slices, key=lambda placed: placed.top)), poses, verdicts, depth, corrections
    )


def _solved(
    given: StackInput, steering: Sequence[PairMotion], recipe: StackRecipe, frozen: Mapping[int, SolvedPose]
) -> tuple[dict[int, SolvedPose], dict[tuple[int, int], PairVerdict]]:
    """Poses solved in square pixels, where a pose is a rotation, and handed on in those of the slices."""
    x, y = pixel_aspect(given.voxel_size_um)
    # A slice's pixel x lies at x + rest of the canvas, so that its pose shifts by -rest.
    prior = {i: (-window.rest[0] * x, -window.rest[1] * y) for i, window in given.windows.items()}
    center = Affine2D.identity(plane_center(_plane_shape(given))).scaled(x, y).center
    known = {i: replace(solved, pose=solved.pose.scaled(x, y)) for i, solved in frozen.items()}
    poses, verdicts = solve_poses(list(given.measured), steering, center, recipe.stack, prior, known)
    found = {i: replace(solved, pose=solved.pose.scaled(1 / x, 1 / y)) for i, solved in poses.items()}
    return {i: frozen.get(i, solved) for i, solved in found.items()}, verdicts


@dataclass(frozen=True)
class Stack:
    """Where everything goes, before any voxel of it is written."""

    assembled: Assembled
    canvas: Canvas
    intensity: MatchedIntensity
    volume: PartedVolume
    uncertainty: PartedUncertainty | None = None
    """Of the volume; None where nothing was interpolated, or nothing is known of it."""

    @property
    def to_publish(self) -> PublishedStack:
        """What is published once the volume is."""
        return PublishedStack(
            poses=self.assembled.poses,
            verdicts=self.assembled.verdicts,
            corrections_um=self.assembled.corrections_um,
            intensity=self.intensity,
            interpolated=frozenset(
                placed.slice_id for placed in self.assembled.placed_slices if placed.state == "interpolated"
            ),
            canvas=self.canvas,
            depth=self.assembled.depth,
        )


def plan_stack(
    given: StackInput,
    recipe: StackRecipe,
    published: PublishedStack | None = None,
    former: tuple[Path, Path] | None = None,
    matched: MatchedIntensity | None = None,
) -> Stack:
    """Solve poses and intensities; of the slices, only faces are read, and these only to match intensities.

    Parameters
    ----------
    published
        What stays as it is; everything is solved when there is none.
    former
        Its volume and the uncertainty of that, if they are intact, so that planes can be taken over.
    matched
        Intensities as they were matched before, from the same slices.
    """
    assembled = assemble(given, recipe, published)
    canvas = _canvas(assembled.placed_slices, published)
    kept = 0
    if former is not None and published is not None and canvas == published.canvas:
        blend_planes = round(recipe.stack.blend_depth_um / given.voxel_size_um[0])
        kept = published.unchanged_planes(assembled.placed_slices, assembled.depth, blend_planes)
    intensity = matched or MatchedIntensity()
    if recipe.stack.match_intensity:
        if matched is None:
            slot_planes = recipe.slicing_interval_um / given.voxel_size_um[0]
            known = published.intensity if published else None
            intensity = match_intensity(assembled, canvas, given.voxel_size_um, slot_planes, known)
        assembled = replace(assembled, intensity_remarks=intensity.remarks())
    plan = VolumePlan(
        assembled.placed_slices,
        assembled.depth,
        given.voxel_size_um,
        canvas,
        intensity.factors,
        FormerImage(former[0], kept) if former is not None and kept else None,
        given.origin_um,
        recipe.orientation,
        # Of the first slice alone: a volume that grows keeps it.
        background_of(given.measured[min(given.measured)]),
    )
    volume = PartedVolume.of(plan, recipe.stack, recipe.ngff_version)
    beside = PartedUncertainty.of(volume, given.half_widths, None if former is None else former[1])
    return Stack(assembled, canvas, intensity, volume, beside)


def stack(
    given: StackInput,
    recipe: StackRecipe,
    volume: Path,
    decisions: Path,
    published: PublishedStack | None = None,
) -> None:
    """Write the volume and `stacking_decisions.csv` in this process, in the poses that are published."""
    planned = plan_stack(given, recipe, published)
    blocks = [block for part in planned.volume.parts for block in part]
    planned.volume.join([], blocks, volume)
    table = decisions_table(given, planned.assembled, planned.intensity.factors)
    publish_text(decisions, STACKING_DECISIONS.to_csv(table))


def decisions_table(given: StackInput, assembled: Assembled, factors: Mapping[int, float]) -> pd.DataFrame:
    """One row per slot from the first slice to the last: where it went, and why."""
    placed_slices = {placed.slice_id: placed for placed in assembled.placed_slices}
    ids = range(min(given.measured), max(given.measured) + 1)
    rows = [decision(slice_id, placed_slices.get(slice_id), given, assembled, factors) for slice_id in ids]
    for slice_id, columns in cut_columns(given, assembled).items():
        row = rows[slice_id - ids.start]
        said = row["reasons"], cut_remarks(slice_id, columns, given, assembled)
        row |= columns | {"reasons": "; ".join(str(text) for text in said if text)}
    return pd.DataFrame(rows, columns=list(STACKING_DECISIONS.columns), dtype=object)


def _canvas(placed_slices: Sequence[PlacedSlice], published: PublishedStack | None) -> Canvas:
    """The published canvas, enlarged where needed; else the tightest one, with a margin if slices move."""
    needed = canvas_of(placed_slices)
    if published is not None:
        return enlarged(published.canvas, needed)
    unmoved = all(
        is_identity(pose, placed.plane_shape) for placed in placed_slices for pose in placed.poses()
    )
    return needed if unmoved else with_margin(needed)


def _plane_shape(given: StackInput) -> tuple[int, int]:
    """Shape (y, x) of the canvas that the pairs were registered on."""
    if given.windows:
        return next(iter(given.windows.values())).plane_shape
    first = next(iter(given.measured.values()))
    return first.shape[1], first.shape[2]


def _placed_measured(
    given: StackInput, poses: Mapping[int, SolvedPose], corrections: Mapping[int, float]
) -> list[PlacedSlice]:
    voxel_z = given.voxel_size_um[0]
    return [
        PlacedSlice(
            slice_id,
            volume,
            "measured",
            max(0, given.slots.top(slice_id) + round(corrections.get(slice_id, 0.0) / voxel_z)),
            given.slots.usable_planes(slice_id, volume.shape[0]),
            poses[slice_id].pose,
            offset=given.windows[slice_id].offset if given.windows else (0, 0),
        )
        for slice_id, volume in given.measured.items()
    ]


def _placed_interpolated(
    given: StackInput, measured: Sequence[PlacedSlice], recipe: StackRecipe
) -> list[PlacedSlice]:
    by_id = {placed.slice_id: placed for placed in measured}
    placed_slices = []
    for slice_id, volume in given.interpolated.items():
        before, after = by_id[slice_id - 1], by_id[slice_id + 1]
        nz = volume.shape[0]
        placed_slices.append(
            PlacedSlice(
                slice_id,
                volume,
                "interpolated",
                before.bottom,
                nz,
                before.pose,
                after.pose,
                alphas=alphas(nz, recipe.alpha_sampling),
            )
        )
    return placed_slices
