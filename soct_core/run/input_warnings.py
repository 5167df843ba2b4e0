"""Warnings about the input, a line each: what is valid but probably not meant, or not what a user expects."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from schemas.handoffs import DetectedGaps
from schemas.image_choice import ImageChoice
from schemas.slice_id import format_slice_id
from schemas.tables.slice_config import SLICE_CONFIG
from soct_core import slice_config
from soct_core.acquisition.slices import lost_chunk_warnings, remark_warnings
from soct_core.arrays import Zyx
from soct_core.errors import BadInputError
from soct_core.file_names import SHIFTS_NAME
from soct_core.run.manual_transforms import unused_warnings
from soct_core.run.plan import Planner
from soct_core.volume import open_volume
from soct_core.volume.reading import same_voxel_size


def input_warnings(planner: Planner, found: DetectedGaps) -> tuple[str, ...]:
    """What the user should know before the stages run."""
    return (
        *_gaps_in_a_row(found),
        *_accepted_for_nothing(planner, found),
        *_config_warnings(planner),
        *_passed_over(planner),
        *planner.space.warnings,
        *_size_warnings(planner),
        *remark_warnings(planner.volumes.values()),
        *lost_chunk_warnings(planner.volumes.values()),
        *unused_warnings(
            planner.acquisition.manual,
            slice_config.force_skip_slices(planner.table),
            planner.settings.stack,
        ),
    )


def _gaps_in_a_row(found: DetectedGaps) -> Iterator[str]:
    for gap in found.gaps.multi:
        names = ", ".join(map(format_slice_id, gap))
        yield f"slices {names} are missing in a row: not interpolated, left as a gap"


def _accepted_for_nothing(planner: Planner, found: DetectedGaps) -> Iterator[str]:
    if beyond := sorted(set(planner.settings.accept) - set(found.gaps.single)):
        names = ", ".join(map(format_slice_id, beyond))
        yield f"accept names {names}: no single gap, so that nothing is accepted"


def _config_warnings(planner: Planner) -> Iterator[str]:
    path = planner.acquisition.config_path
    if path is None:
        return
    table = planner.table
    for said in SLICE_CONFIG.misnamed(table.columns):
        yield f"{path.name}: {said}"
    known = set(planner.acquisition.slices)
    rows = {int(i) for i in table["slice_id"]}
    # A lost first or last slice adjoins the others; a mistyped id seldom does.
    adjoining = set(range(min(known), max(known) + 1))
    for step in (1, -1):
        at = max(known) + 1 if step == 1 else min(known) - 1
        while at in rows:
            adjoining.add(at)
            at += step
    if far := sorted(rows - adjoining):
        span = f"{format_slice_id(min(known))} to {format_slice_id(max(known))}"
        names = ", ".join(map(format_slice_id, far))
        yield f"{path.name}: has rows for {names}, far from the slices that there are ({span}); mistyped?"


def _passed_over(planner: Planner) -> Iterator[str]:
    if strays := planner.acquisition.strays:
        yield f"not used, for it is not named slice_z{{NN}}.ome.zarr: {', '.join(strays)}"
    if planner.acquisition.shifts_path is not None and planner.shifts is None:
        yield f"{SHIFTS_NAME} lies in the acquisition and was not used; give --shifts to use it"


def _size_warnings(planner: Planner) -> Iterator[str]:
    first = next(iter(planner.volumes.values()))
    if planner.voxel_size_um is not None:
        choice = planner.settings.input
        stated = ((v.path.name, _stated_size(v.path, choice)) for v in planner.volumes.values())
        said = f"voxels are taken to be {_size(planner.voxel_size_um)} µm as you said"
        unlike = (
            f"{said}, but {name} says {_size(size)}"
            for name, size in stated
            if size is not None and not same_voxel_size(size, planner.voxel_size_um)
        )
        yield from islice(unlike, 1)
    imaged = max(v.shape[0] for v in planner.volumes.values()) * first.voxel_size_um[0]
    interval = planner.settings.slicing_interval_um
    if imaged < interval / 2:
        yield f"slices are {imaged:g} µm deep, but slots {interval:g}: is slicing_interval_um right?"
    levels = planner.settings.stack.pyramid_um
    if levels and max(levels) <= first.voxel_size_um[0]:
        yield (
            f"no size in stack.pyramid_um ({', '.join(f'{size:g}' for size in levels)}) is coarser than the "
            f"voxels ({first.voxel_size_um[0]:g} µm): the volume has no pyramid"
        )


def _stated_size(path: Path, choice: ImageChoice) -> Zyx | None:
    """Voxel size that an image states; None where it states none."""
    try:
        return open_volume(path, choice=choice).voxel_size_um
    except BadInputError:
        return None


def _size(voxel_size_um: Zyx) -> str:
    return " x ".join(f"{size:g}" for size in voxel_size_um)
