"""NGFF metadata that other programs wrote: axes, units, scales and translations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from handmade_ngff import DATA, attributes, axis, made_by_hand, multiscale, scale, translation

from soct_core.errors import VolumeError
from soct_core.volume import open_volume
from soct_core.volume.metadata import read_image_metadata


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("micrometer", 1.0),
        ("millimeter", 1e3),
        ("nanometer", 1e-3),
        ("angstrom", 1e-4),
        ("centimeter", 1e4),
        ("meter", 1e6),
    ],
)
def test_sizes_follow_the_units(tmp_path: Path, unit: str, factor: float) -> None:
    image = multiscale([axis(name, unit) for name in "zyx"], [scale(0.5, 0.25, 2)])
    assert open_volume(made_by_hand(tmp_path, image=image)).voxel_size_um == pytest.approx(
        (0.5 * factor, 0.25 * factor, 2 * factor)
    )


def test_each_axis_has_its_own_unit(tmp_path: Path) -> None:
    image = multiscale([axis("z", "millimeter"), axis("y"), axis("x", "nanometer")], [scale(0.01, 10, 1e4)])
    assert open_volume(made_by_hand(tmp_path, image=image)).voxel_size_um == pytest.approx((10, 10, 10))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_transformations_of_the_multiscale_come_after_those_of_the_dataset(version: str) -> None:
    image = multiscale(
        [axis(name, "millimeter") for name in "zyx"],
        [scale(2, 3, 4), translation(10, 20, 30)],
        coordinateTransformations=[scale(0.5, 0.1, 0.25), translation(1, 2, 3)],
    )
    metadata = read_image_metadata(attributes(version, image), "a.ome.zarr")
    # x -> S (s x + t) + U, in millimetres.
    assert metadata.voxel_size_um == pytest.approx((1000, 300, 1000))
    assert metadata.translation_um == pytest.approx((6000, 4000, 10500))


def test_identity_transformations_change_nothing() -> None:
    image = multiscale(coordinateTransformations=[{"type": "identity"}])
    assert read_image_metadata(attributes("0.5", image), "a").voxel_size_um == (10, 2.5, 2.5)


@pytest.mark.parametrize(
    "names",
    [["x", "y", "z"], ["y", "x"], ["z", "y", "x", "c"], ["c", "t", "z", "y", "x"], ["q", "z", "y", "x"]],
)
def test_other_axes_are_refused(tmp_path: Path, names: list[str]) -> None:
    data = np.zeros((1,) * len(names), np.uint8)
    store = made_by_hand(tmp_path, data, multiscale(list(map(axis, names)), [scale(*data.shape)]))
    with pytest.raises(VolumeError, match=rf"slice_z07\.ome\.zarr: axes {','.join(names)}, wanted z,y,x"):
        open_volume(store)


@pytest.mark.parametrize("without", ["z", "y", "x"])
def test_a_missing_unit_is_an_error_unless_the_voxel_size_is_given(tmp_path: Path, without: str) -> None:
    axes = [axis(name, None if name == without else "micrometer") for name in "zyx"]
    store = made_by_hand(tmp_path, image=multiscale(axes))
    with pytest.raises(
        VolumeError, match=rf"slice_z07\.ome\.zarr: axis {without} has no unit.*--voxel-size-um"
    ):
        open_volume(store)
    volume = open_volume(store, voxel_size_um=(9.0, 3.0, 4.0))
    assert volume.voxel_size_um == (9.0, 3.0, 4.0)
    np.testing.assert_array_equal(volume[2], DATA[2])


def test_an_unknown_unit_is_an_error_that_lists_the_known(tmp_path: Path) -> None:
    store = made_by_hand(tmp_path, image=multiscale([axis("z"), axis("y"), axis("x", "inch")]))
    with pytest.raises(
        VolumeError, match=r"slice_z07.*axis x has unit 'inch', wanted .*micrometer, millimeter"
    ):
        open_volume(store)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param({}, id="empty"),
        pytest.param({"axes": list(map(axis, "zyx")), "datasets": []}, id="no datasets"),
        pytest.param({"axes": ["z", "y", "x"], "datasets": [{"path": "0"}]}, id="axes of version 0.3"),
        pytest.param(multiscale(transformations=[]) | {"axes": None}, id="no axes"),
        pytest.param({"axes": list(map(axis, "zyx")), "datasets": [{"path": "0"}]}, id="no transformations"),
        pytest.param(multiscale(transformations=[scale(10, 2.5)]), id="scale too short"),
        pytest.param(multiscale(transformations=[scale(10, 2.5, 2.5, 1)]), id="scale too long"),
        pytest.param(multiscale(transformations=[scale("ten", 2.5, 2.5)]), id="scale in words"),
        pytest.param(multiscale(transformations=[scale(None, 2.5, 2.5)]), id="scale of null"),
        pytest.param(multiscale(transformations=[scale(0, 2.5, 2.5)]), id="scale of 0"),
        pytest.param(multiscale(transformations=[scale(-10, 2.5, 2.5)]), id="negative scale"),
        pytest.param(multiscale(transformations=[scale(float("nan"), 2.5, 2.5)]), id="scale of NaN"),
        pytest.param(multiscale(transformations=[{"type": "affine", "affine": []}]), id="an affine"),
        pytest.param(multiscale(transformations=["scale"]), id="a transformation in words"),
        pytest.param(
            multiscale(axes=[{"name": n, "unit": ["mm"]} for n in "zyx"]), id="a unit that is a list"
        ),  # type: ignore[dict-item]
        pytest.param(multiscale(path="1"), id="a level that is not there"),
    ],
)
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_damaged_metadata_is_an_error_that_names_the_file(
    tmp_path: Path, version: str, image: dict[str, Any]
) -> None:
    store = made_by_hand(tmp_path, version=version)
    group = zarr.open_group(store, mode="a")
    group.attrs.put(attributes(version, image))
    with pytest.raises(VolumeError, match=r"slice_z07\.ome\.zarr"):
        open_volume(store)
