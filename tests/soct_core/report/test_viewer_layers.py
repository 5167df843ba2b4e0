"""What a viewer is given: the volume, and the slices at its side."""

from __future__ import annotations

from pathlib import Path

from schemas.run_record import RunRecord
from soct_core.report.run_data import read_run
from soct_core.report.viewer_layers import layers_of


def test_a_viewer_gets_the_volume_and_the_slices_side_by_side(finished: tuple[Path, RunRecord]) -> None:
    output, record = finished
    volume, label, uncertainty, *slices = layers_of(output)
    assert (volume.kind, label.kind, uncertainty.kind) == ("volume", "labels", "uncertainty")
    assert [level.shape for level in volume.levels] == [level.shape for level in label.levels]
    assert (uncertainty.name, uncertainty.levels[0].shape) == ("uncertainty", volume.levels[0].shape)
    names = {layer.name: layer for layer in slices}
    assert len(names) == len(read_run(output, record).used) + 1
    right = volume.translation_um[2] + volume.levels[0].shape[2] * volume.scale_um[2]
    assert all(layer.translation_um[2] > right for layer in slices)
    assert names["interpolated 02"].translation_um[0] == 400.0
    assert names["slice 07"].translation_um[0] == 1400.0
