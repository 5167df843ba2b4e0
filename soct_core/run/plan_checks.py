"""Checks of a plan before anything is written: absurd volumes, and what is said of single slices."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from schemas.settings import ReconstructSettings
from schemas.slice_id import format_slice_id
from soct_core import slice_config
from soct_core.acquisition.slots import Slots
from soct_core.acquisition.stage_shifts import CommonSpace
from soct_core.errors import AcquisitionError, SettingsError
from soct_core.run.manual_transforms import pairs_of_measured, refuse_unusable, refuse_without_pair
from soct_core.volume import Volume
from soct_core.volume.header_checks import MAX_VOXELS


def refuse_unfit_by_slice(
    manual: Mapping[tuple[int, int], Path],
    table: pd.DataFrame,
    settings: ReconstructSettings,
    volumes: Mapping[int, Volume],
    space: CommonSpace,
) -> None:
    """What the user says of single slices and pairs must speak of those that there are.

    Raises
    ------
    BadInputError
        If a transform set by hand or `stack.pose_from` names what is not there, or cannot be used.
    """
    skip = slice_config.force_skip_slices(table)
    refuse_without_pair(manual, pairs_of_measured(volumes, skip, settings.pairwise))
    shapes = {
        i: w.plane_shape if (w := space.windows.get(i)) else (v.shape[1], v.shape[2])
        for i, v in volumes.items()
    }
    refuse_unusable(manual, next(iter(volumes.values())).voxel_size_um, shapes)
    if unknown := sorted(settings.stack.slices_with_pose_from - set(volumes)):
        names, there_are = (", ".join(map(format_slice_id, ids)) for ids in (unknown, volumes))
        raise SettingsError(
            f"setting 'stack.pose_from': names slice {names}, wanted slices that are used and measured: "
            f"{there_are}"
        )


def refuse_absurd_volume(directory: Path, volumes: Mapping[int, Volume], slots: Slots) -> None:
    """One slice with a far id, or a voxel size of nearly nothing, can claim any depth.

    Raises
    ------
    AcquisitionError
    """
    first, last = min(volumes), max(volumes)
    planes = slots.depth(last, volumes[last].shape[0])
    shapes = [v.shape for v in volumes.values()]
    plane = max(y for _, y, _ in shapes) * max(x for _, _, x in shapes)
    if planes * plane > MAX_VOXELS:
        raise AcquisitionError(
            f"{directory}: slices {format_slice_id(first)} to {format_slice_id(last)} "
            f"would make a volume of {planes} planes of {plane} pixels, "
            f"wanted {MAX_VOXELS} voxels at most"
        )
