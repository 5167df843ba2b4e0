"""Open a reconstruction in napari: `python -m flows.view OUTPUT`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.terminal.commands import called
from flows.terminal.exit_codes import HELP, CommandParser, exit_code
from soct_core.arrays import Mask
from soct_core.errors import BadInputError
from soct_core.file_names import output_of
from soct_core.planes.tissue import tissue_mask
from soct_core.report.viewer_layers import ViewerLayer, layers_of
from soct_core.reportlets.pictures import grey_window
from soct_core.volume.provenance import GAP, LABEL_COLOURS

HOW_TO_INSTALL = (
    "napari, or a Qt for its window, is not installed; in the checkout of this program: "
    "pip install '.[napari]'"
)
_LOOKED_AT = 48
"""Planes that are looked at for tissue. Chosen by hand."""


_EPILOG = """examples:
  {0} ACQ/reconstruction
  {0} ACQ/reconstruction --no-slices

{1}
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    name = called("view")
    p = CommandParser(
        prog=name,
        description="Show the volume under its provenance, and beside it every slice as it was imaged.",
        epilog=_EPILOG.format(name, HELP),
    )
    p.add_argument("output", type=Path, help="output directory of a run, or its acquisition")
    p.add_argument("--no-slices", action="store_true", help="show the volume only")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when the window was closed, 1 when an operation failed, 2 for bad input."""
    arguments = parser().parse_args(argv)
    return exit_code(lambda: _run(arguments, _napari_window))


def _run(arguments: argparse.Namespace, open_window: Callable[[], tuple[Any, Callable[[], None]]]) -> None:
    layers = layers_of(output_of(arguments.output))
    viewer, run = open_window()
    depth_um, plane = fullest_plane(layers[0])
    window = contrast(plane)
    for layer in layers:
        if layer.kind != "slice" or not arguments.no_slices:
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


def contrast(plane: NDArray[Any]) -> tuple[float, float]:
    """Display window for all images: black at the dark end of a plane, white where its tissue is brightest.

    Left to itself, napari would read all voxels to find one.
    """
    tissue = _tissue(plane)
    dark, bright = grey_window(plane)
    return (dark, max(dark + 1e-9, grey_window(plane[tissue])[1])) if tissue.any() else (dark, bright)


def fullest_plane(volume: ViewerLayer) -> tuple[float, NDArray[Any]]:
    """The plane with the most tissue, of a few of the coarsest level: its depth in µm, and itself."""
    coarsest = volume.levels[-1]
    looked_at = np.unique(np.linspace(0, coarsest.shape[0] - 1, _LOOKED_AT).round().astype(int))
    shares = [float(_tissue(np.asarray(coarsest[int(z)])).mean()) for z in looked_at]
    # Where there is none, the middle, as napari has it.
    best = int(looked_at[int(np.argmax(shares))]) if max(shares) > 0 else coarsest.shape[0] // 2
    step = volume.scale_um[0] * volume.levels[0].shape[0] / coarsest.shape[0]
    return volume.translation_um[0] + best * step, np.asarray(coarsest[best])


def _tissue(plane: NDArray[Any]) -> Mask:
    return tissue_mask(np.sqrt(np.maximum(np.nan_to_num(plane.astype(np.float32)), 0.0)))


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
            "or open the report.html, which needs none but a browser"
        )


def _napari_window() -> tuple[Any, Callable[[], None]]:
    try:
        import napari
        import qtpy.QtWidgets  # noqa: F401  (napari alone opens no window)
    except ImportError as error:
        raise BadInputError(f"{HOW_TO_INSTALL} ({error})") from error
    refuse_without_display()
    return napari.Viewer(title="soct-flows"), napari.run


if __name__ == "__main__":
    sys.exit(main())
