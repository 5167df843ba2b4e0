"""What Neuroglancer [1]_ is to show of a run at first sight, as the JSON of its state.

A layer of type `image` is else shown in the range of its type (black, where tissue is a hundredth of it). Of
`auto` it reads `omero`, but only where NGFF 0.4 has it, and never names or colours of labels.

.. [1] https://neuroglancer-docs.web.app
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from soct_core.errors import VolumeError
from soct_core.report.viewer_layers import ViewerLayer
from soct_core.volume.provenance import LABEL_COLOURS, LABEL_NAMES

NAMES_PATH = ".label_names"
"""Where the state looks for `label_names`, below the address of the output."""
LABEL_OPACITY = 0.35
_PANEL_PX = (450, 260)
"""Width and height of one of four panels of a small window. Chosen by eye."""
_SIDE_PX = 340
"""Width of the list of labels, so that their names can be read. Chosen by eye."""
_ROUND = 1.5
"""Height of the 3D panel by the longest side of the volume. Chosen by eye."""
_SHOWN = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "float32")
_HALF_WIDTHS = """\
#uicontrol invlerp normalized
void main() {
  float share = normalized();
  emitRGBA(vec4(colormapJet(share), share));
}
"""
"""A shader. Where nothing is uncertain, the volume is seen through it."""


def neuroglancer_state(
    layers: Iterable[ViewerLayer], output: Path, address: str, window: tuple[float, float], depth_um: float
) -> dict[str, Any]:
    """The state of the viewer: the volume in a window of grey values, its labels over it, XY first.

    Slices are left out: imaged ones lie outside the output, interpolated ones are in the volume.

    Parameters
    ----------
    layers
        Of a run, the volume first.
    output, address
        Its directory, and the URL at which its files are served.
    window
        Grey values of black and white.
    depth_um
        The plane to begin with, in µm.

    Raises
    ------
    VolumeError
        If Neuroglancer cannot show voxels of this type.

    Examples
    --------
    >>> volume = ViewerLayer(
    ...     "volume", "volume", (np.zeros((4, 9, 9), np.uint16),), (50, 10, 10), (0, 0, 20), Path("o/v")
    ... )
    >>> state = neuroglancer_state([volume], Path("o"), "http://127.0.0.1:1/t", (3.0, 90.0), 100.0)
    >>> state["dimensions"], state["position"]
    ({'x': [1e-05, 'm'], 'y': [1e-05, 'm'], 'z': [5e-05, 'm']}, [6.0, 4.0, 2.0])
    >>> state["layers"][0]["source"], state["layers"][0]["shaderControls"]
    ('zarr://http://127.0.0.1:1/t/v', {'normalized': {'range': [3, 90]}})
    """
    volume, *others = (layer for layer in layers if layer.kind != "slice")
    shown = [_layer(each, f"{address}/{_below(output, each)}", address, window) for each in (volume, *others)]
    size, origin = np.array(volume.scale_um), np.array(volume.translation_um)
    extent = size * volume.levels[0].shape
    # The centre of a voxel is a whole number here, as in NGFF.
    centre = (origin + (extent - size) / 2) / size
    centre[0] = depth_um / size[0]
    across = max(max(extent[0], extent[2]) / _PANEL_PX[0], max(extent[0], extent[1]) / _PANEL_PX[1])
    return {
        # Of the axes in this order are the panels made: XY, XZ, YZ.
        "dimensions": {
            name: [_metres(um), "m"] for name, um in zip("xyz", volume.scale_um[::-1], strict=True)
        },
        "position": [round(float(at), 3) for at in centre[::-1]],
        "crossSectionScale": _rounded(across / size.min()),
        "projectionScale": _rounded(_ROUND * extent.max() / size.min()),
        "crossSectionBackgroundColor": "#000000",
        "layers": shown,
        "layout": "4panel",
        "selectedLayer": {
            "layer": next((e.name for e in others if e.kind == "labels"), ""),
            "visible": True,
            "size": _SIDE_PX,
        },
    }


def label_names() -> dict[str, Any]:
    """Names of the labels, in the form that Neuroglancer reads (`neuroglancer_segment_properties`)."""
    labels = sorted(LABEL_NAMES)
    names = {"id": "label", "type": "label", "values": [LABEL_NAMES[label] for label in labels]}
    return {
        "@type": "neuroglancer_segment_properties",
        "inline": {"ids": [str(label) for label in labels], "properties": [names]},
    }


def _layer(layer: ViewerLayer, url: str, address: str, window: tuple[float, float]) -> dict[str, Any]:
    common: dict[str, Any] = {"name": layer.name, "source": f"zarr://{url}"}
    if layer.kind == "labels":
        return common | {
            "type": "segmentation",
            "source": [common["source"], f"precomputed://{address}/{NAMES_PATH}"],
            "tab": "segments",
            "segments": [str(label) for label in sorted(LABEL_COLOURS)],
            "segmentColors": {str(k): f"#{bytes(c[:3]).hex()}" for k, c in sorted(LABEL_COLOURS.items())},
            "selectedAlpha": LABEL_OPACITY,
            "notSelectedAlpha": 0,
        }
    kind = np.dtype(layer.levels[0].dtype)
    if kind.name not in _SHOWN:
        raise VolumeError(f"{layer.path}: voxels of {kind.name}, wanted one of {', '.join(_SHOWN)}")
    dark, bright = window
    limits = [dark, bright] if kind.kind == "f" else [math.floor(dark), math.ceil(bright)]
    common |= {"type": "image", "shaderControls": {"normalized": {"range": limits}}, "opacity": 1}
    if layer.kind == "uncertainty":
        return common | {"visible": False, "shader": _HALF_WIDTHS}
    return common


def _below(output: Path, layer: ViewerLayer) -> str:
    return layer.path.relative_to(output).as_posix()


def _metres(um: float) -> float:
    return _rounded(um * 1e-6, 12)


def _rounded(value: float, digits: int = 4) -> float:
    """To so many significant digits: what is read by people is not to end in the noise of floats."""
    return float(f"{value:.{digits}g}")
