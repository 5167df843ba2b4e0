"""The preview of an interpolation: before, after, interpolated and an xz reslice, in one PNG."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from schemas.diagnostics import InterpolationDiagnostics
from soct_core.volume import Sliceable

_MAX_SIDE = 512


def preview_png(
    vol_before: Sliceable,
    vol_after: Sliceable,
    interpolated: Sliceable | None,
    diagnostics: InterpolationDiagnostics,
    z_to_x: float = 1.0,
) -> bytes:
    """Draw the 1x4 preview; on a hard skip a banner with the reason stands where planes are missing.

    `z_to_x` is the ratio of the voxel sizes along z and x. Only single planes, and one row of
    each, are read.
    """
    figure = Figure(figsize=(16, 4.6), dpi=80, layout="constrained")
    axes = figure.subplots(1, 4)
    before, after = _thumbnail(vol_before[vol_before.shape[0] - 1]), _thumbnail(vol_after[0])
    low, high = _window(before, after)
    show = {"cmap": "gray", "vmin": low, "vmax": high, "interpolation": "nearest"}
    axes[0].imshow(before, **show)
    axes[0].set_title("before (deepest plane)")
    axes[1].imshow(after, **show)
    axes[1].set_title("after (shallowest plane)")
    row = vol_before.shape[1] // 2
    if interpolated is None:
        figure.suptitle(f"HARD SKIP: {diagnostics.fallback_reason}: {diagnostics.detail}", color="darkred")
        for axis, title in zip(axes[2:], ("interpolated", "xz"), strict=True):
            axis.set_facecolor("mistyrose")
            axis.text(0.5, 0.5, "no data", ha="center", va="center", transform=axis.transAxes)
            axis.set_title(title)
    else:
        figure.suptitle(_summary(diagnostics))
        axes[2].imshow(_thumbnail(interpolated[interpolated.shape[0] // 2]), **show)
        axes[2].set_title("interpolated (middle plane)")
        _draw_xz(axes[3], (vol_before, interpolated, vol_after), row, z_to_x, show)
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
    return _png(figure)


def _draw_xz(
    axis: Any, volumes: tuple[Sliceable, ...], row: int, z_to_x: float, show: dict[str, Any]
) -> None:
    width = min(v.shape[2] for v in volumes)
    rows = [np.asarray(v[:, min(row, v.shape[1] - 1), :width]) for v in volumes]
    step = max(1, width // _MAX_SIDE)
    axis.imshow(np.concatenate(rows)[:, ::step], aspect=z_to_x / step, **show)
    edge = len(rows[0])
    for z in (edge, edge + len(rows[1])):
        axis.axhline(z - 0.5, color="gold", linewidth=0.8)
    axis.set_title(f"xz at y={row} (between the lines: interpolated)")


def _summary(d: InterpolationDiagnostics) -> str:
    if d.method != "zmorph":
        return f"{d.method} (baseline, not registered): an estimate, not a measurement"
    figures = (
        f"NCC {d.pre_reg_ncc:.2f} to {d.post_reg_ncc:.2f}, moved {d.displacement_rms_px:.1f} px"
        if d.pre_reg_ncc is not None and d.post_reg_ncc is not None and d.displacement_rms_px is not None
        else ""
    )
    return f"zmorph: {figures}; an estimate, not a measurement"


def _thumbnail(plane: NDArray[Any]) -> NDArray[Any]:
    step = max(1, max(plane.shape) // _MAX_SIDE)
    return np.asarray(plane)[::step, ::step]


def _window(*planes: NDArray[Any]) -> tuple[float, float]:
    values = np.concatenate([np.asarray(p, dtype=float).ravel() for p in planes])
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0
    low, high = np.percentile(finite, [1, 99.7])
    return float(low), float(max(high, low + 1e-9))


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_png(out)
    return out.getvalue()
