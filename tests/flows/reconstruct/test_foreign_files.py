"""Files written by someone else, and what other programs make of ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from foreign_files import rewrite_foreign

from soct_core.volume import open_volume


def test_an_acquisition_written_by_someone_else(acquisition: Path, reconstruct, tmp_path: Path) -> None:
    ours = reconstruct(acquisition=acquisition, output=tmp_path / "ours")
    for path in acquisition.glob("slice_z*.ome.zarr"):
        rewrite_foreign(path)
    theirs = reconstruct(acquisition=acquisition, output=tmp_path / "theirs")
    a, b = open_volume(ours.stack.volume), open_volume(theirs.stack.volume)
    np.testing.assert_allclose(b.voxel_size_um, a.voxel_size_um)
    np.testing.assert_array_equal(b[...], a[...])


def test_napari_shows_the_volume_at_its_true_size(acquisition: Path, reconstruct) -> None:
    from napari_ome_zarr._reader import napari_get_reader

    result = reconstruct(acquisition=acquisition)
    path = str(result.stack.volume)
    reader = napari_get_reader(path)
    assert reader is not None
    layers = reader(path)
    data, options, kind = layers[0]
    assert kind == "image"
    assert tuple(data[0].shape) == result.stack.shape
    assert tuple(options["scale"]) == (40.0, 50.0, 50.0)
    assert {str(unit) for unit in options["units"]} == {"micrometer"}
    labels = [layer for layer in layers if layer[2] == "labels"]
    assert len(labels) == 1
    assert tuple(labels[0][0][0].shape) == result.stack.shape
