"""Translations of NGFF images [1]_: where slices say they lie in the world, in µm.

Slices whose y, x origins differ were imaged through windows onto one canvas. Their z may repeat what the
slots say; what it says otherwise is a doubt, for slots place slices.

References
----------
.. [1] Moore J, Allan C, Besson S, et al. (2021). OME-NGFF: a next-generation file format for expanding
   bioimaging data-access strategies. Nature Methods 18, 1496-1498. doi:10.1038/s41592-021-01326-w
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from soct_core.acquisition.slots import Slots
from soct_core.acquisition.stage_shifts import CommonSpace, common_space, laid_out
from soct_core.arrays import Zyx
from soct_core.errors import AcquisitionError, ShiftsError
from soct_core.volume import Volume

_SAME_PX = 1e-3
"""Origins that differ by less are the same: translations are written as rounded decimals."""
_SLACK_PLANES = 1.0
"""How far a z translation may lie from its slot, in planes: slots are rounded to planes."""


def origins_differ(volumes: Mapping[int, Volume]) -> bool:
    """Whether slices say different y, x origins."""
    return bool(np.ptp(_origins_px(volumes), axis=0).max() > _SAME_PX)


def space_of(volumes: Mapping[int, Volume], shifts: Path | None) -> CommonSpace:
    """Windows onto one canvas, by `shifts_xy.csv` where it is given, or else by the translations.

    Raises
    ------
    ShiftsError, AcquisitionError
        If the file cannot be used, or the canvas would be absurdly large.
    """
    if shifts is None:
        return space_of_translations(volumes)
    if shifts.suffix != ".csv":
        raise ShiftsError(f"{shifts}: wanted a file whose name ends in .csv")
    shapes = {i: (v.shape[1], v.shape[2]) for i, v in volumes.items()}
    _, y, x = next(iter(volumes.values())).voxel_size_um
    return common_space(shifts, shapes, (x, y))


def space_of_translations(volumes: Mapping[int, Volume]) -> CommonSpace:
    """Windows onto one canvas as the y, x translations of slices have it; none where they all agree.

    Raises
    ------
    AcquisitionError
        If the canvas would be absurdly large.
    """
    if not origins_differ(volumes):
        return CommonSpace({})
    origins = dict(zip(volumes, _origins_px(volumes), strict=True))
    shapes = {i: (v.shape[1], v.shape[2]) for i, v in volumes.items()}
    folder = next(iter(volumes.values())).path.parent
    try:
        return laid_out(origins, shapes, f"{folder}: by the translations of the slices")
    except ShiftsError as error:
        raise AcquisitionError(
            f"{error}; correct them, or give --shifts to lay slices out otherwise"
        ) from error


def world_origin(volumes: Mapping[int, Volume], space: CommonSpace) -> Zyx:
    """Where pixel (0, 0) of the canvas and the top of the first slice lie in the world.

    Stage shifts lay slices out among each other; their first slice ties the canvas to the world.
    """
    first = min(volumes)
    (z, y, x), (_, size_y, size_x) = volumes[first].origin_um, volumes[first].voxel_size_um
    window = space.windows.get(first)
    if window is None:
        return z, y, x
    (offset_x, offset_y), (rest_x, rest_y) = window.offset, window.rest
    return z, y - (offset_y + rest_y) * size_y, x - (offset_x + rest_x) * size_x


def contradicted_slots(volumes: Mapping[int, Volume], slots: Slots) -> tuple[tuple[int, ...], float | None]:
    """Slices whose z translation is not that of their slot, and the interval that would explain all, in µm.

    Translations that are all the same say nothing of depth.
    """
    said = {i: v.origin_um[0] for i, v in volumes.items()}
    first, slack = min(said), _SLACK_PLANES * slots.voxel_z_um
    if np.ptp(list(said.values())) <= slack / 2:
        return (), None
    off = tuple(i for i, z in said.items() if abs(z - said[first] - slots.top_um(i)) > slack)
    if not off:
        return (), None
    steps = [(said[i] - said[first]) / (i - first) for i in said if i != first]
    fits = float(np.ptp(steps)) * (max(said) - first) <= 2 * slack
    return off, float(np.median(steps)) if fits else None


def without_translation(volumes: Mapping[int, Volume]) -> Sequence[int]:
    """Slices at y, x = 0 where most say another origin: perhaps one that says none."""
    zero = [i for i, v in volumes.items() if v.origin_um[1:] == (0.0, 0.0)]
    return zero if len(zero) < len(volumes) / 2 else []


def _origins_px(volumes: Mapping[int, Volume]) -> np.ndarray:
    """(n, 2): origin (x, y) of each slice in pixels."""
    rows = []
    for volume in volumes.values():
        (_, y, x), (_, size_y, size_x) = volume.origin_um, volume.voxel_size_um
        rows.append((x / size_x, y / size_y))
    return np.array(rows, dtype=float)
