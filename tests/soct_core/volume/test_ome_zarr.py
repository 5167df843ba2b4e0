"""What is written, as ome-zarr reads it: axes, sizes, places, window, labels with their colours.

Pixels are not written through it: `write_image` of ome-zarr 0.18 drops units of axes that are dicts,
truncates integers, and takes several times the memory of streaming. Its reader ignores transformations of
the multiscale as a whole; none is written here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

from soct_core.volume import open_volume
from soct_core.volume.metadata import read_image_metadata
from soct_core.volume.provenance import BLEND, GAP, INTERPOLATED, LABEL_COLOURS, LABEL_NAMES, MEASURED
from soct_core.volume.writing import ImageSpec, image_writer
from soct_core.volume.written_metadata import NgffVersion, orientation_of

SHAPE, VOXEL_UM, ORIGIN_UM = (12, 220, 240), (20.0, 5.0, 4.0), (100.0, -30.0, 8.0)


@pytest.fixture(params=["0.4", "0.5"])
def image(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Tissue of 100 to 200 amid agarose of about 10 and padding of 0; a label of all kinds."""
    version: NgffVersion = request.param
    y, x = np.mgrid[-1:1:220j, -1:1:240j]
    rng = np.random.default_rng(0)
    plane = np.where(np.hypot(y, x) < 0.6, rng.uniform(100, 200, SHAPE[1:]), rng.uniform(5, 15, SHAPE[1:]))
    plane[:, :20] = 0
    data = np.broadcast_to(plane, SHAPE).astype(np.float32)
    label = np.broadcast_to(np.arange(12, dtype=np.uint8)[:, None, None] // 3, SHAPE)
    path = tmp_path / "3d_volume.ome.zarr"
    spec = ImageSpec(SHAPE, data.dtype, VOXEL_UM, ORIGIN_UM, version, orientation="PIR")
    with image_writer(path, spec, ["provenance"]) as (stream, labels):
        stream.append(data)
        labels["provenance"].append(label)
    return path


def nodes(path: Path) -> list[Any]:
    location = parse_url(path, mode="r")
    assert location is not None
    return list(Reader(location)())


def test_its_reader_finds_sizes_places_and_window(image: Path) -> None:
    shown = nodes(image)[0]
    metadata = shown.metadata
    assert [(axis["name"], axis["type"], axis["unit"]) for axis in metadata["axes"]] == [
        (name, "space", "micrometer") for name in "zyx"
    ]
    levels = metadata["coordinateTransformations"]
    assert levels[0][0]["scale"] == list(VOXEL_UM)
    assert levels[0][1]["translation"] == list(ORIGIN_UM)
    assert [level.shape for level in shown.data] == [(12, 220, 240), (6, 110, 120)]
    # Each coarse voxel lies over the middle of those beneath it.
    ratio = np.divide(levels[1][0]["scale"], VOXEL_UM)
    middle = np.add(ORIGIN_UM, np.multiply(VOXEL_UM, (ratio - 1) / 2))
    np.testing.assert_allclose(levels[1][1]["translation"], middle)
    low, high = metadata["contrast_limits"][0]
    assert 0 < low < 15
    assert 150 < high < 200
    assert metadata["visible"] == [True]


def test_its_reader_finds_the_labels_and_their_colours(image: Path) -> None:
    (label,) = [node for node in nodes(image) if node.zarr.basename() == "provenance"]
    assert set(np.unique(np.asarray(label.data[0]))) == {GAP, MEASURED, INTERPOLATED, BLEND}
    colours = {
        value: np.multiply(rgba, 255).round().tolist() for value, rgba in label.metadata["color"].items()
    }
    assert colours == {value: list(rgba) for value, rgba in LABEL_COLOURS.items()}
    found = label.metadata["properties"]
    assert {value: found[value]["name"] for value in LABEL_NAMES} == LABEL_NAMES


def test_the_orientation_stands_beside_the_axes_and_nothing_else_changes(image: Path) -> None:
    import zarr

    attributes: dict[str, Any] = dict(zarr.open_group(image, mode="r").attrs.asdict())
    multiscale = attributes.get("ome", attributes)["multiscales"][0]
    assert orientation_of(multiscale) == "PIR"
    assert multiscale["axes"][0]["orientation"] == {"type": "anatomical", "value": "anterior-to-posterior"}
    found = read_image_metadata(attributes, "a")
    assert (found.voxel_size_um, found.translation_um) == (VOXEL_UM, ORIGIN_UM)
    assert open_volume(image).origin_um == ORIGIN_UM
