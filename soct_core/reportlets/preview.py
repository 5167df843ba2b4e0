"""The preview of an interpolation: before, after, interpolated and an xz reslice, in one PNG."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from schemas.diagnostics import InterpolationDiagnostics
from soct_core.arrays import Sliceable
from soct_core.reportlets.gap_planes import THUMBNAIL_PX, GapPlanes, reduced_plane, rows_near, thumbnail
from soct_core.reportlets.pictures import grey_window

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TITLE = "Title"
"""A key of PNG texts, by convention."""


def preview_png(
    vol_before: Sliceable,
    vol_after: Sliceable,
    shown: GapPlanes,
    diagnostics: InterpolationDiagnostics,
    z_to_x: float = 1.0,
) -> bytes:
    """Draw the 1x4 preview; on a hard skip a banner with the reason stands where planes are missing.

    `z_to_x` is the ratio of the voxel sizes along z and x. Only planes near the gap are read.
    """
    # Half a second to import, and most workers draw none.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 4.6), dpi=80, layout="constrained")
    axes = figure.subplots(1, 4)
    sides = reduced_plane(vol_before, vol_before.shape[0] - 1), reduced_plane(vol_after, 0)
    before, after = (thumbnail(plane) for plane in sides)
    low, high = grey_window(before, after)
    show = {"cmap": "gray", "vmin": low, "vmax": high, "interpolation": "nearest"}
    axes[0].imshow(before, **show)
    axes[0].set_title("before (deepest plane)")
    axes[1].imshow(after, **show)
    axes[1].set_title("after (shallowest plane)")
    if shown.middle is None:
        figure.suptitle(f"HARD SKIP: {diagnostics.fallback_reason}: {diagnostics.detail}", color="darkred")
        for axis, title in zip(axes[2:], ("interpolated", "xz"), strict=True):
            axis.set_facecolor("mistyrose")
            axis.text(0.5, 0.5, "no data", ha="center", va="center", transform=axis.transAxes)
            axis.set_title(title)
    else:
        figure.suptitle(_summary(diagnostics))
        axes[2].imshow(thumbnail(shown.middle), **show)
        axes[2].set_title("interpolated (middle plane)")
        _draw_xz(axes[3], vol_before, vol_after, shown, z_to_x, show)
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
    return _png(figure, diagnostics.made_as)


def preview_of(path: Path) -> str:
    """What a preview is of; empty where the picture does not say."""
    with Image.open(path) as picture:
        return str(picture.info.get(_TITLE, ""))


def _draw_xz(
    axis: Any,
    vol_before: Sliceable,
    vol_after: Sliceable,
    shown: GapPlanes,
    z_to_x: float,
    show: dict[str, Any],
) -> None:
    parts = [
        rows_near(vol_before, shown.row, last=True),
        np.stack(shown.rows),
        rows_near(vol_after, shown.row, last=False),
    ]
    width = min(part.shape[1] for part in parts)
    step = max(1, width // THUMBNAIL_PX)
    axis.imshow(np.concatenate([part[:, :width] for part in parts])[:, ::step], aspect=z_to_x / step, **show)
    edge = len(parts[0])
    for z in (edge, edge + len(parts[1])):
        axis.axhline(z - 0.5, color="gold", linewidth=0.8)
    axis.set_title(f"xz at y={shown.row} (between the lines: interpolated)")


def _summary(d: InterpolationDiagnostics) -> str:
    if d.method != "zmorph":
        return f"{d.method} (baseline, not registered): an estimate, not a measurement"
    figures = (
        f"NCC {d.pre_reg_ncc:.2f} to {d.post_reg_ncc:.2f}, moved {d.displacement_rms_px:.1f} px"
        if d.pre_reg_ncc is not None and d.post_reg_ncc is not None and d.displacement_rms_px is not None
        else ""
    )
    return f"zmorph: {figures}; an estimate, not a measurement"


def _png(figure: Figure, title: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    out = io.BytesIO()
    FigureCanvasAgg(figure).print_png(out, metadata={_TITLE: title})
    return out.getvalue()
