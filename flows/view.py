"""Open a reconstruction in napari: `python -m flows.view OUTPUT`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flows.terminal.exit_codes import HELP, CommandParser, exit_code
from soct_core.errors import BadInputError
from soct_core.file_names import output_of
from soct_core.report.viewer_layers import ViewerLayer, layers_of
from soct_core.reportlets.pictures import grey_window
from soct_core.volume.provenance import GAP, LABEL_COLOURS

HOW_TO_INSTALL = "napari is not installed; install it with: pip install 'soct-flows[napari]'"


_EPILOG = f"""examples:
  python -m flows.view ACQ/reconstruction
  python -m flows.view ACQ/reconstruction --no-slices

{HELP}
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    p = CommandParser(
        prog="python -m flows.view",
        description="Show the volume under its provenance, and beside it every slice as it was imaged.",
        epilog=_EPILOG,
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
    window = contrast(layers[0])
    for layer in layers[:2] if arguments.no_slices else layers:
        add_layer(viewer, layer, window)
    viewer.dims.axis_labels = ("z", "y", "x")
    viewer.scale_bar.visible = True
    viewer.reset_view()
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
    if layer.kind == "image":
        viewer.add_image(data, **common, colormap="gray", contrast_limits=window)
    else:
        colours: dict[int | None, str] = dict.fromkeys((None, GAP), "transparent")
        colours.update((label, f"#{bytes(rgba).hex()}") for label, rgba in LABEL_COLOURS.items())
        viewer.add_labels(data, **common, colormap=_labels(colours), opacity=0.35)


def _labels(colours: dict[int | None, str]) -> Any:
    from napari.utils.colormaps import DirectLabelColormap

    return DirectLabelColormap(color_dict=colours)


def contrast(volume: ViewerLayer) -> tuple[float, float]:
    """Display window for all images, from the middle plane of the coarsest level.

    Left to itself, napari would read all voxels to find one.
    """
    coarsest = volume.levels[-1]
    return grey_window(np.asarray(coarsest[coarsest.shape[0] // 2]))


def _napari_window() -> tuple[Any, Callable[[], None]]:
    try:
        import napari
        import qtpy.QtWidgets  # noqa: F401  (napari alone opens no window)
    except ImportError as error:
        raise BadInputError(f"{HOW_TO_INSTALL} ({error})") from error
    return napari.Viewer(title="soct-flows"), napari.run


if __name__ == "__main__":
    sys.exit(main())
