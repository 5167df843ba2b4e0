"""What Neuroglancer is told: known answers, none of its code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from soct_core.errors import VolumeError
from soct_core.report.neuroglancer_state import NAMES_PATH, label_names, neuroglancer_state
from soct_core.report.viewer_layers import LayerKind, ViewerLayer

OUTPUT, ADDRESS = Path("acq/reconstruction"), "http://127.0.0.1:7000/secret"
SIZE, ORIGIN = (40.0, 10.0, 20.0), (80.0, -160.0, 400.0)


def layer(name: str, kind: LayerKind, path: str, dtype: Any = np.uint16) -> ViewerLayer:
    levels = np.zeros((6, 33, 41), dtype), np.zeros((3, 16, 20), dtype)
    return ViewerLayer(name, kind, levels, SIZE, ORIGIN, OUTPUT / path)


VOLUME = layer("volume", "volume", "stack/v.ome.zarr")
LABELS = layer("provenance", "labels", "stack/v.ome.zarr/labels/provenance", np.uint8)
UNCERTAINTY = layer("uncertainty", "uncertainty", "stack/u.ome.zarr", np.float32)
SLICE = layer("slice 01", "slice", "../slice_z01.ome.zarr")


def state(*layers: ViewerLayer, window: tuple[float, float] = (2.6, 630.2)) -> dict[str, Any]:
    return neuroglancer_state(layers, OUTPUT, ADDRESS, window, 200.0)


def test_the_volume_is_grey_in_the_window_of_its_tissue() -> None:
    (volume,) = state(VOLUME)["layers"]
    assert volume == {
        "name": "volume",
        "type": "image",
        "source": f"zarr://{ADDRESS}/stack/v.ome.zarr",
        "shaderControls": {"normalized": {"range": [2, 631]}},
        "opacity": 1,
    }


def test_windows_of_floats_are_not_rounded() -> None:
    fractions = layer("volume", "volume", "stack/v.ome.zarr", np.float32)
    (volume,) = state(fractions, window=(0.001, 0.03))["layers"]
    assert volume["shaderControls"] == {"normalized": {"range": [0.001, 0.03]}}


def test_the_first_panel_is_xy_at_the_fullest_plane() -> None:
    made = state(VOLUME)
    assert list(made["dimensions"]) == ["x", "y", "z"]
    assert made["dimensions"] == {"x": [2e-5, "m"], "y": [1e-5, "m"], "z": [4e-5, "m"]}
    # Centres of voxels are whole numbers: x from 20 to 60, y from -16 to 16; 200 µm are 5 planes.
    assert made["position"] == [40.0, 0.0, 5.0]
    assert made["layout"] == "4panel"


def test_the_whole_plane_fits_into_a_panel() -> None:
    made = state(VOLUME)
    um_a_pixel = made["crossSectionScale"] * min(SIZE)
    assert 41 * SIZE[2] / 500 < um_a_pixel < 41 * SIZE[2] / 300, "820 µm wide"


def test_labels_have_our_colours_and_names_and_gaps_none() -> None:
    made = state(VOLUME, LABELS)
    labels = made["layers"][1]
    assert labels["type"] == "segmentation"
    assert labels["segments"] == ["1", "2", "3"]
    assert labels["segmentColors"] == {"1": "#0072b2", "2": "#e69f00", "3": "#56b4e9"}
    assert (labels["selectedAlpha"], labels["notSelectedAlpha"]) == (0.35, 0)
    assert labels["source"] == [
        f"zarr://{ADDRESS}/stack/v.ome.zarr/labels/provenance",
        f"precomputed://{ADDRESS}/{NAMES_PATH}",
    ]
    assert (made["selectedLayer"]["layer"], labels["tab"]) == ("provenance", "segments"), "the legend"
    names = label_names()
    assert names["@type"] == "neuroglancer_segment_properties"
    assert names["inline"]["ids"] == labels["segments"]
    (label,) = names["inline"]["properties"]
    assert label["values"] == ["measured", "interpolated", "blend of two measured slices"]


def test_the_uncertainty_hides_nothing_and_slices_outside_the_output_are_left_out() -> None:
    layers = state(VOLUME, LABELS, UNCERTAINTY, SLICE)["layers"]
    assert [(each["name"], each.get("visible", True)) for each in layers] == [
        ("volume", True),
        ("provenance", True),
        ("uncertainty", False),
    ]
    assert layers[2]["shaderControls"] == {"normalized": {"range": [2.6, 630.2]}}


def test_voxels_that_it_cannot_show_are_refused() -> None:
    with pytest.raises(VolumeError, match=r"v\.ome\.zarr: voxels of float64, wanted one of uint8"):
        state(layer("volume", "volume", "stack/v.ome.zarr", np.float64))
