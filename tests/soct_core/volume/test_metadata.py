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
    ("unit", "meant"),
    [
        ("um", "micrometer"),
        ("\u00b5m", "micrometer"),
        ("\u03bcm", "micrometer"),
        ("mm", "millimeter"),
        ("nm", "nanometer"),
    ],
)
def test_a_synonym_of_a_unit_is_read_and_said(unit: str, meant: str) -> None:
    image = multiscale([axis(name, unit) for name in "zyx"], [scale(2, 3, 4)])
    known = multiscale([axis(name, meant) for name in "zyx"], [scale(2, 3, 4)])
    read = read_image_metadata(attributes("0.5", image), "a")
    assert read.voxel_size_um == read_image_metadata(attributes("0.5", known), "a").voxel_size_um
    assert read.remarks == (f"say unit {unit!r}, which NGFF does not know; read as {meant}",)


def test_lost_units_are_called_by_their_name() -> None:
    lost = multiscale([axis(name, None) for name in "zyx"], [scale(1, 1, 1)])
    said = r"a: scale 1 and no unit, as some versions of ome-zarr write: .*; give --voxel-size-um Z Y X"
    with pytest.raises(VolumeError, match=said):
        read_image_metadata(attributes("0.4", lost), "a")


@pytest.mark.parametrize("transformations", [[], [translation(1, 2, 3)]])
def test_a_missing_scale_is_no_scale_of_1(transformations: list[Any]) -> None:
    image = attributes("0.5", multiscale(transformations=transformations))
    with pytest.raises(VolumeError, match=r"level .0. has no scale in coordinateTransformations.*--voxel"):
        read_image_metadata(image, "a")
    assert read_image_metadata(image, "a", (9, 3, 3)).voxel_size_um == (9, 3, 3)


def test_axes_in_upper_case_are_axes() -> None:
    axes = [{"name": name.upper(), **axis(name)} | {"name": name.upper()} for name in "tczyx"]
    read = read_image_metadata(attributes("0.5", multiscale(axes, [scale(1, 1, 10, 2, 3)])), "a")
    assert (read.axes, read.voxel_size_um) == (tuple("tczyx"), (10, 2, 3))


@pytest.mark.parametrize("coarse", [0, 1, 2])
def test_the_finest_level_is_read_wherever_it_is_listed(tmp_path: Path, coarse: int) -> None:
    image = multiscale(path="full")
    other = [{"path": str(k), "coordinateTransformations": [scale(10, 5 * k, 5 * k)]} for k in (1, 2)]
    image["datasets"] = other[:coarse] + image["datasets"] + other[coarse:]
    volume = open_volume(made_by_hand(tmp_path, image=image, path="full"))
    assert volume.voxel_size_um == (10, 2.5, 2.5)
    np.testing.assert_array_equal(volume[...], DATA)


def test_without_scales_the_largest_level_is_the_finest(tmp_path: Path) -> None:
    image = multiscale()
    image["datasets"] = [{"path": "1"}, {"path": "0"}]
    store = made_by_hand(tmp_path, image=image)
    zarr.open_group(store, mode="a").create_array("1", shape=(2, 2, 3), dtype=DATA.dtype)
    assert open_volume(store, (9.0, 3.0, 3.0)).shape == DATA.shape


@pytest.mark.parametrize(
    ("dimension_names", "fits"),
    [
        (("z", "y", "x"), True),
        (("Z", "Y", "X"), True),
        (None, True),
        ((None, "y", "x"), True),
        (("x", "y", "z"), False),
        (("z", "x", "y"), False),
        (("dim_0", "dim_1", "dim_2"), False),
    ],
)
def test_dimension_names_must_not_contradict_the_axes(
    tmp_path: Path, dimension_names: Any, fits: bool
) -> None:
    store = made_by_hand(tmp_path, version="0.5")
    group = zarr.open_group(store, mode="a")
    array = group.create_array("0", data=DATA, dimension_names=dimension_names, overwrite=True)
    assert array.shape == DATA.shape
    if fits:
        assert open_volume(store).shape == DATA.shape
    else:
        with pytest.raises(
            VolumeError, match=r"slice_z07\.ome\.zarr: the array calls its dimensions .*z,y,x"
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
