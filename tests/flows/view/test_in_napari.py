"""In napari every layer is at its place; and how to get it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flows.view import in_napari
from flows.view.first_sight import contrast, fullest_plane
from schemas.run_record import RunRecord
from soct_core.errors import BadInputError
from soct_core.report.viewer_layers import layers_of


def test_without_napari_the_command_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "napari", None)
    with pytest.raises(Exception, match=r"pip install '\.\[napari\]'"):
        in_napari.napari_window()


def test_napari_shows_every_layer_at_its_place(finished: tuple[Path, RunRecord]) -> None:
    components = pytest.importorskip("napari.components", reason="napari is an extra")
    viewer = components.ViewerModel()
    layers = layers_of(finished[0])
    for layer in layers:
        in_napari.add_layer(viewer, layer, contrast(fullest_plane(layers[0])[1]))
    assert len(viewer.layers) == len(layers)
    volume, slice_07 = viewer.layers["volume"], viewer.layers["slice 07"]
    assert volume.extent.world[1][0] == pytest.approx(14 * 200 - 40), "from centre to centre"
    assert slice_07.extent.world[0][0] == 1400
    assert slice_07.extent.world[0][2] > volume.extent.world[1][2]


def test_without_a_display_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(BadInputError, match=r"^no display: .*--neuroglancer.*report\.html"):
        in_napari.refuse_without_display()
    monkeypatch.setenv("DISPLAY", ":0")
    in_napari.refuse_without_display()


def test_the_window_opens_at_the_fullest_plane(finished: tuple[Path, RunRecord]) -> None:
    components = pytest.importorskip("napari.components", reason="napari is an extra")
    viewer = components.ViewerModel()
    in_napari.show(finished[0], slices=False, open_window=lambda: (viewer, lambda: None))
    # Over the volume, an uncertainty that is 0 nearly everywhere would be a black window.
    assert [layer.name for layer in viewer.layers if layer.visible] == ["volume", "provenance"]
    assert viewer.layers.selection.active.name == "volume"
    volume = layers_of(finished[0])[0]
    depth_um, plane = fullest_plane(volume)
    assert viewer.dims.point[0] == pytest.approx(depth_um, abs=volume.scale_um[0])
    assert tuple(viewer.layers["volume"].contrast_limits) == pytest.approx(contrast(plane))
