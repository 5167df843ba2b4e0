"""Files written by someone else, and what other programs make of ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from flows.interpolate import main as interpolate
from soct_core.volume import open_volume

SCALE_MM = (0.04, 0.05, 0.05)


def rewrite_foreign(path: Path) -> None:
    """Replace one of our slices by NGFF 0.4, zarr v2, millimetres, another level path, t and c axes."""
    data = open_volume(path)[...]
    group = zarr.open_group(path, mode="w", zarr_format=2)
    array = group.create_array(
        "s0/full", shape=(1, 1, *data.shape), chunks=(1, 1, 2, 60, 70), dtype=data.dtype
    )
    array[0, 0] = data
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": axis, "type": "space", "unit": "millimeter"} for axis in "zyx"]
    # Half of the scale stands at the dataset, half at the multiscale: both count.
    datasets = [
        {
            "path": "s0/full",
            "coordinateTransformations": [{"type": "scale", "scale": [1, 1, *(s / 2 for s in SCALE_MM)]}],
        }
    ]
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": axes,
            "datasets": datasets,
            "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 2, 2, 2]}],
        }
    ]


def test_an_acquisition_written_by_someone_else(acquisition: Path, reconstruct, tmp_path: Path) -> None:
    ours = reconstruct(acquisition=acquisition, output=tmp_path / "ours")
    for path in acquisition.glob("slice_z*.ome.zarr"):
        rewrite_foreign(path)
    theirs = reconstruct(acquisition=acquisition, output=tmp_path / "theirs")
    a, b = open_volume(ours.stack.volume), open_volume(theirs.stack.volume)
    np.testing.assert_allclose(b.voxel_size_um, a.voxel_size_um)
    np.testing.assert_array_equal(b[...], a[...])


def test_the_interpolate_command_on_foreign_files(acquisition: Path, tmp_path: Path) -> None:
    before, after = (acquisition / f"slice_z0{i}.ome.zarr" for i in (1, 3))
    rewrite_foreign(before)
    out = tmp_path / "slice_z02_interpolated.ome.zarr"
    files = ["--diagnostics", str(tmp_path / "d.json"), "--preview", str(tmp_path / "p.png")]
    fragment = ["--slice-id", "2", "--manifest-entry", str(tmp_path / "slice_z02_manifest.csv")]
    assert interpolate([str(before), str(after), str(out), *files, *fragment]) == 0
    assert open_volume(out).voxel_size_um == pytest.approx((40.0, 50.0, 50.0))
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert "true,false,zmorph" in (tmp_path / "slice_z02_manifest.csv").read_text()


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
