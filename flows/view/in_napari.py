"""A reconstruction in a window of napari."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows.view.first_sight import contrast, fullest_plane
from soct_core.errors import BadInputError
from soct_core.report.viewer_layers import ViewerLayer, layers_of
from soct_core.volume.provenance import GAP, LABEL_COLOURS

HOW_TO_INSTALL = (
    "napari, or a Qt for its window, is not installed; in the checkout of this program: "
    "pip install '.[napari]'"
)
Window = tuple[Any, Callable[[], None]]
"""A viewer, and what runs it until it is closed."""


def napari_window() -> Window:
    """An empty window.

    Raises
    ------
    BadInputError
        If napari is not installed, or there is no display.
    """
    try:
        import napari
        import qtpy.QtWidgets  # noqa: F401  (napari alone opens no window)
    except ImportError as error:
        raise BadInputError(f"{HOW_TO_INSTALL} ({error})") from error
    refuse_without_display()
    return napari.Viewer(title="soct-flows"), napari.run


def show(output: Path, *, slices: bool, open_window: Callable[[], Window] = napari_window) -> None:
    """Show the volume of a run, and its slices beside it, until the window is closed.

    Raises
    ------
    BadInputError
        If there is nothing to look at, or nothing to look with.
    """
    layers = layers_of(output)
    viewer, run = open_window()
    depth_um, plane = fullest_plane(layers[0])
    window = contrast(plane)
    for layer in layers:
        if layer.kind != "slice" or slices:
            add_layer(viewer, layer, window)
    viewer.layers.selection.active = viewer.layers[layers[0].name]
    viewer.dims.axis_labels = ("z", "y", "x")
    viewer.scale_bar.visible = True
    viewer.reset_view()
    viewer.dims.set_point(0, depth_um)
    run()


def add_layer(viewer: Any, layer: ViewerLayer, window: tuple[float, float]) -> None:
    """Add a layer to a napari viewer (or its model), lazily, at its true place in µm."""
    import dask.array as da

    levels = [da.from_array(level, chunks=level.chunks) for level in layer.levels]
    # A list of one level is no pyramid to napari.
    data = levels if len(levels) > 1 else levels[0]
    common: dict[str, Any] = {
        "name": layer.name,
        "scale": layer.scale_um,
        "translate": layer.translation_um,
        "multiscale": len(levels) > 1,
        "units": ("um", "um", "um"),
    }
    if layer.kind == "uncertainty":
        # Nothing but the interpolated slices, in the units of the volume: over it, it would hide it.
        viewer.add_image(data, **common, colormap="magma", contrast_limits=window, visible=False)
    elif layer.kind != "labels":
        viewer.add_image(data, **common, colormap="gray", contrast_limits=window)
    else:
        colours: dict[int | None, str] = dict.fromkeys((None, GAP), "transparent")
        colours.update((label, f"#{bytes(rgba).hex()}") for label, rgba in LABEL_COLOURS.items())
        viewer.add_labels(data, **common, colormap=_labels(colours), opacity=0.35)


def _labels(colours: dict[int | None, str]) -> Any:
    from napari.utils.colormaps import DirectLabelColormap

    return DirectLabelColormap(color_dict=colours)


def refuse_without_display() -> None:
    """Say in one line that a window cannot open; Qt would end the process at length.

    Raises
    ------
    BadInputError
    """
    asked = os.environ.get("QT_QPA_PLATFORM", "")
    shown = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if sys.platform.startswith("linux") and not shown and asked not in ("offscreen", "minimal", "vnc"):
        raise BadInputError(
            "no display: neither DISPLAY nor WAYLAND_DISPLAY is set; run it on a desktop or through ssh -X, "
            "try --neuroglancer, which a browser on another machine can show, or open the report.html"
        )
