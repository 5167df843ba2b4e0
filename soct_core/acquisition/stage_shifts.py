"""Stage shifts: `shifts_xy.csv` chained into one canvas, and a window onto it for every slice.

shift = origin(fixed) - origin(moving), in mm where given, else in pixels.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from schemas.common_space import Window
from schemas.slice_id import format_slice_id
from schemas.tables.csv_table import TableFaults
from schemas.tables.stage_shifts import STAGE_SHIFTS
from soct_core.errors import ShiftsError, unreadable
from soct_core.volume.header_checks import MAX_PLANE_PIXELS

Xy = tuple[float, float]
_NEIGHBOURS = 3
"""Links on each side that a missing link takes the median of. Chosen by hand."""
MAX_CANVAS_PX = 2**17
"""A limit chosen by hand, far above any plane of this kind."""
MAX_SHIFT_PX = 1e12
"""A limit: such shifts, added up over all slice ids, still fit a 64-bit integer."""


@dataclass(frozen=True)
class CommonSpace:
    """Windows of all slices onto one canvas, and what was guessed to get there."""

    windows: Mapping[int, Window]
    warnings: tuple[str, ...] = ()


def common_space(
    path: Path, shapes: Mapping[int, tuple[int, int]], pixel_um: tuple[float, float]
) -> CommonSpace:
    """Lay out slices by their stage shifts.

    Parameters
    ----------
    path
        `shifts_xy.csv`; excluded slices in it carry the chain on.
    shapes
        Plane shape (y, x) of every slice that is used, by id.
    pixel_um
        Pixel size (x, y) in µm.

    Raises
    ------
    ShiftsError
        If the file breaks its schema, no link is known, or the canvas would be absurdly large.
    """
    links = _links(read_shifts(path), pixel_um, path)
    ids = sorted({*shapes, *(i for link in links for i in link)})
    origins, warnings = _chained(ids, links, path)
    return replace(laid_out(origins, shapes, str(path)), warnings=tuple(warnings))


def laid_out(
    origins: Mapping[int, NDArray[np.float64]], shapes: Mapping[int, tuple[int, int]], name: str
) -> CommonSpace:
    """The smallest canvas that holds all slices, and the window of each.

    Parameters
    ----------
    origins
        (x, y) of each slice in pixels, by id; of more slices than are used, perhaps.
    shapes
        Plane shape (y, x) of every slice that is used, by id.
    name
        What messages call the layout.

    Raises
    ------
    ShiftsError
        If the canvas would be absurdly large.
    """
    low = np.min([origins[i] for i in shapes], axis=0)
    windows = {}
    offsets = {i: np.rint(origins[i] - low).astype(int) for i in shapes}
    far = np.max([offsets[i] + (shapes[i][1], shapes[i][0]) for i in shapes], axis=0)
    if far.max() > MAX_CANVAS_PX or int(far[0]) * int(far[1]) > MAX_PLANE_PIXELS:
        wanted = f"{MAX_CANVAS_PX} at most, and {MAX_PLANE_PIXELS} in all"
        raise ShiftsError(f"{name}: the canvas would be {far[0]} x {far[1]} px, wanted {wanted}")
    for slice_id in shapes:
        x, y = (int(v) for v in offsets[slice_id])
        rest_x, rest_y = (float(v) for v in origins[slice_id] - low - offsets[slice_id])
        windows[slice_id] = Window(
            offset=(x, y), plane_shape=(int(far[1]), int(far[0])), rest=(rest_x, rest_y)
        )
    return CommonSpace(windows)


def read_shifts(path: Path) -> pd.DataFrame:
    """Read and check `shifts_xy.csv`.

    Raises
    ------
    ShiftsError
        Naming file, row, column, the value seen and the value wanted.
    """
    try:
        return STAGE_SHIFTS.read(path)
    except TableFaults as error:
        raise ShiftsError(error.summary) from error
    except OSError as error:
        raise unreadable(path, error, ShiftsError) from error


def _links(table: pd.DataFrame, pixel_um: tuple[float, float], path: Path) -> dict[tuple[int, int], Xy]:
    """Shift in pixels of every reliable link, from the lesser id to the greater."""
    links: dict[tuple[int, int], Xy] = {}
    for row, cells in zip(table.index, table.to_dict("records"), strict=True):
        if cells.get("reliable", True) is False:
            continue
        shift = []
        for axis, size in zip("xy", pixel_um, strict=True):
            in_mm, in_px = cells.get(f"{axis}_shift_mm"), cells.get(f"{axis}_shift")
            if not pd.isna(in_mm):
                shift.append(float(in_mm) * 1000.0 / size)
            elif not pd.isna(in_px):
                shift.append(float(in_px))
            else:
                wanted = f"{axis}_shift_mm or {axis}_shift, or reliable=false"
                raise ShiftsError(f"{path}, row {row}: no shift along {axis}, wanted {wanted}")
        if not all(abs(length) <= MAX_SHIFT_PX for length in shift):
            seen = " x ".join(f"{length:g}" for length in shift)
            raise ShiftsError(f"{path}, row {row}: shift of {seen} px, wanted {MAX_SHIFT_PX:g} at most")
        fixed, moving = int(cells["fixed_id"]), int(cells["moving_id"])
        if fixed == moving:
            raise ShiftsError(f"{path}, row {row}: slice {fixed} is linked to itself")
        sign = 1.0 if fixed < moving else -1.0
        link, said = (min(fixed, moving), max(fixed, moving)), (sign * shift[0], sign * shift[1])
        if not np.allclose(links.get(link, said), said):
            raise ShiftsError(f"{path}, row {row}: contradicts an earlier row on slices {fixed} and {moving}")
        links[link] = said
    if not links:
        raise ShiftsError(f"{path}: holds no reliable shift")
    return links


def _chained(
    ids: list[int], links: Mapping[tuple[int, int], Xy], path: Path
) -> tuple[dict[int, np.ndarray], list[str]]:
    """Origins along the chain of all ids; a missing link is guessed and reported."""
    by_middle = sorted(links, key=lambda link: (sum(link), link))
    middles = [sum(link) for link in by_middle]
    uppers = {below: above for above, below in sorted(links)}
    origins = {ids[0]: np.zeros(2)}
    warnings = []
    for above, below in pairwise(ids):
        upper = uppers.get(below)
        if upper is not None:
            origins[below] = origins[upper] - links[upper, below]
            continue
        middle, count = above + below, 2 * _NEIGHBOURS
        at = bisect_left(middles, middle)
        around = by_middle[max(0, at - count) : at + count]
        near = sorted(around, key=lambda link: (abs(sum(link) - middle), link))[:count]
        guess = np.median([np.array(links[link]) / (link[1] - link[0]) for link in near], axis=0)
        origins[below] = origins[above] - guess * (below - above)
        warnings.append(
            f"{path.name}: no reliable shift from {format_slice_id(above)} to {format_slice_id(below)}; "
            f"took the median of its neighbours"
        )
    return origins, warnings
