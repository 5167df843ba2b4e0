"""`python -m flows.view`: every layer at its place, and how to get napari."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flows import view
from schemas.run_record import RunRecord
from soct_core.report.viewer_layers import layers_of


def test_without_napari_the_command_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "napari", None)
    with pytest.raises(Exception, match=r"pip install 'soct-flows\[napari\]'"):
        view._napari_window()


def test_napari_shows_every_layer_at_its_place(finished: tuple[Path, RunRecord]) -> None:
    components = pytest.importorskip("napari.components", reason="napari is an extra")
    from flows.view import add_layer, contrast

    viewer = components.ViewerModel()
    layers = layers_of(finished[0])
    for layer in layers:
        add_layer(viewer, layer, contrast(layers[0]))
    assert len(viewer.layers) == len(layers)
    volume, slice_07 = viewer.layers["volume"], viewer.layers["slice 07"]
    assert volume.extent.world[1][0] == pytest.approx(14 * 200 - 40), "from centre to centre"
    assert slice_07.extent.world[0][0] == 1400
    assert slice_07.extent.world[0][2] > volume.extent.world[1][2]
