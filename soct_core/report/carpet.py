"""The carpet: mean intensity of tissue by slice and depth, one column a slot."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from soct_core.report.axes import ticks
from soct_core.report.run_data import RunData
from soct_core.report.traces import Traces

HEIGHT = 110.0
"""In SVG units, chosen by eye."""
_MOST_ROWS = 40
"""Rows that depth is divided into, at most. Chosen by eye."""
_COLOURS = "cividis"
_LEAST_RANGE = 0.2
"""Smallest range of the colours, as a share of the brightness. Chosen by eye."""


@dataclass(frozen=True)
class Carpet:
    """The picture, laid under the traces."""

    png: str
    """Base64; one pixel a cell, transparent where there is no tissue."""
    x: float
    width: float
    low: float
    high: float
    depth_um: float
    ticks: tuple[tuple[float, str], ...]
    colours: tuple[str, ...]
    """Colours of the scale, from low to high."""


def carpet_of(data: RunData, traces: Traces) -> Carpet | None:
    """The carpet; None without a volume."""
    cells = _cells(data, traces.first, traces.last)
    if cells is None or not np.isfinite(cells).any():
        return None
    interval = max(row["slot_bottom_um"] - row["slot_top_um"] for row in data.decisions)
    low, high = (float(v) for v in np.nanpercentile(cells, [2, 98]))
    # A fifth of the brightness at least: noise must not look like change.
    room = max(0.0, _LEAST_RANGE * abs(low + high) / 2 - (high - low)) / 2
    low, high = low - room, max(high + room, low - room + 1e-9)
    map_ = colormaps[_COLOURS]
    coloured = (map_(np.clip((cells - low) / (high - low), 0, 1)) * 255).astype(np.uint8)
    coloured[..., 3] = np.where(np.isfinite(cells), 255, 0)
    out = io.BytesIO()
    Image.fromarray(coloured).save(out, "PNG", optimize=True)
    x, end = traces.at(traces.first - 0.5), traces.at(traces.last + 0.5)
    return Carpet(
        png=base64.b64encode(out.getvalue()).decode(),
        x=x,
        width=round(end - x, 2),
        low=low,
        high=high,
        depth_um=interval,
        ticks=tuple((round(HEIGHT * v / interval, 2), text) for v, text in ticks(0, interval, 4)),
        colours=tuple(_hex(map_(i / 4)) for i in range(5)),
    )


def _cells(data: RunData, first: int, last: int) -> NDArray[np.float64] | None:
    """Mean intensity, (depth, slot); NaN where nothing is."""
    if data.stack is None or not data.stack.profile or not data.decisions:
        return None
    profile = data.stack.profile
    step = profile[1].depth_um - profile[0].depth_um if len(profile) > 1 else data.stack.depth_um
    interval = max(row["slot_bottom_um"] - row["slot_top_um"] for row in data.decisions)
    rows = min(_MOST_ROWS, max(1, math.floor(interval / step + 1e-6)))
    sums, weights = np.zeros((rows, last - first + 1)), np.zeros((rows, last - first + 1))
    tops = {row["slice_id"]: row for row in data.decisions}
    zero = min(tops)
    for plane in profile:
        if plane.tissue_mean is None:
            continue
        slot = zero + int(plane.depth_um // interval)
        row = tops.get(slot)
        if row is None or row["slot_state"] == "gap":
            continue
        depth = (plane.depth_um - row["slot_top_um"]) / interval
        cell = min(rows - 1, max(0, int(depth * rows))), slot - first
        sums[cell] += plane.tissue_mean * plane.tissue_fraction
        weights[cell] += plane.tissue_fraction
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weights > 0, sums / weights, np.nan)


def _hex(rgba: tuple[float, float, float, float]) -> str:
    r, g, b = (round(c * 255) for c in rgba[:3])
    return f"#{r:02x}{g:02x}{b:02x}"
