"""`python -m flows.view`: every layer at its place, and how to get napari."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from flows import view
from schemas.run_record import RunRecord
from soct_core.errors import BadInputError
from soct_core.report.viewer_layers import ViewerLayer, layers_of


def test_without_napari_the_command_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "napari", None)
    with pytest.raises(Exception, match=r"pip install '\.\[napari\]'"):
        view._napari_window()


def test_napari_shows_every_layer_at_its_place(finished: tuple[Path, RunRecord]) -> None:
    components = pytest.importorskip("napari.components", reason="napari is an extra")
    from flows.view import add_layer, contrast, fullest_plane

    viewer = components.ViewerModel()
    layers = layers_of(finished[0])
    for layer in layers:
        add_layer(viewer, layer, contrast(fullest_plane(layers[0])[1]))
    assert len(viewer.layers) == len(layers)
    volume, slice_07 = viewer.layers["volume"], viewer.layers["slice 07"]
    assert volume.extent.world[1][0] == pytest.approx(14 * 200 - 40), "from centre to centre"
    assert slice_07.extent.world[0][0] == 1400
    assert slice_07.extent.world[0][2] > volume.extent.world[1][2]


def test_it_opens_where_there_is_tissue_in_the_light_of_tissue() -> None:
    disc = np.hypot(*np.mgrid[-32:32, -32:32]) < 20
    noise = np.random.default_rng(0).normal(100, 5, (40, 64, 64))
    # Tissue in few planes, and one bright speck that is none.
    noise[30:34] += 900 * disc
    noise[0, 0, 0] = 60000
    levels, origin = (noise, noise[::2, ::2, ::2]), (1000.0, 0.0, 0.0)
    layer = ViewerLayer("volume", "volume", levels, (10.0, 5.0, 5.0), origin)
    depth_um, plane = view.fullest_plane(layer)
    assert 1300 <= depth_um <= 1330
    dark, bright = view.contrast(plane)
    assert 80 < dark < 120
    assert 990 < bright < 1030


def test_without_a_display_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(BadInputError, match=r"^no display: .*report\.html"):
        view.refuse_without_display()
    monkeypatch.setenv("DISPLAY", ":0")
    view.refuse_without_display()


def test_the_window_opens_at_the_fullest_plane(finished: tuple[Path, RunRecord]) -> None:
    components = pytest.importorskip("napari.components", reason="napari is an extra")
    viewer = components.ViewerModel()
    arguments = view.parser().parse_args([str(finished[0]), "--no-slices"])
    view._run(arguments, lambda: (viewer, lambda: None))
    # Over the volume, an uncertainty that is 0 nearly everywhere would be a black window.
    assert [layer.name for layer in viewer.layers if layer.visible] == ["volume", "provenance"]
    assert viewer.layers.selection.active.name == "volume"
    volume = layers_of(finished[0])[0]
    depth_um, plane = view.fullest_plane(volume)
    assert viewer.dims.point[0] == pytest.approx(depth_um, abs=volume.scale_um[0])
    assert tuple(viewer.layers["volume"].contrast_limits) == pytest.approx(view.contrast(plane))
