"""Reading OME-Zarr images that other programs wrote: made by hand here, never by our writer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from soct_core.errors import VolumeError
from soct_core.volume import open_volume
from soct_core.volume.metadata import read_image_metadata
from soct_core.volume.reading import same_voxel_size

DATA = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)
Transformation = dict[str, Any]


def scale(*values: Any) -> Transformation:
    """A scale, one number an axis."""
    return {"type": "scale", "scale": list(values)}


def translation(*values: float) -> Transformation:
    """A translation, one number an axis."""
    return {"type": "translation", "translation": list(values)}


def axis(name: str, unit: str | None = "micrometer") -> dict[str, str]:
    """An axis of a spatial, time or channel kind."""
    kind = {"t": "time", "c": "channel"}.get(name, "space")
    return {"name": name, "type": kind} | ({"unit": unit} if unit and kind == "space" else {})


def multiscale(
    axes: Sequence[dict[str, str]] = (axis("z"), axis("y"), axis("x")),
    transformations: Sequence[Transformation] = (scale(10, 2.5, 2.5),),
    path: str = "0",
    **more: Any,
) -> dict[str, Any]:
    """The metadata of an image of one level."""
    dataset = {"path": path, "coordinateTransformations": list(transformations)}
    return {"axes": list(axes), "datasets": [dataset], **more}


def attributes(version: str, image: dict[str, Any]) -> dict[str, Any]:
    """Group attributes as a version of the format wants them."""
    if version == "0.5":
        return {"ome": {"version": "0.5", "multiscales": [image]}}
    return {"multiscales": [{"version": "0.4", **image}]}


def made_by_hand(
    folder: Path,
    data: NDArray[Any] = DATA,
    image: dict[str, Any] | None = None,
    *,
    version: str = "0.4",
    path: str = "0",
    chunks: tuple[int, ...] | None = None,
) -> Path:
    """An OME-Zarr image on disk, by zarr alone."""
    store = folder / "slice_z07.ome.zarr"
    group = zarr.create_group(store, zarr_format=2 if version == "0.4" else 3, overwrite=True)
    array = group.create_array(path, shape=data.shape, dtype=data.dtype, chunks=chunks or data.shape)
    array[...] = data
    group.attrs.update(attributes(version, image or multiscale(path=path)))
    return store


def chunk_files(store: Path, path: str = "0") -> list[Path]:
    """Files of an array that are not metadata."""
    return [
        p
        for p in (store / path).rglob("*")
        if p.is_file() and p.name not in ("zarr.json", ".zarray", ".zattrs")
    ]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_both_versions_are_read(tmp_path: Path, version: str) -> None:
    volume = open_volume(made_by_hand(tmp_path, version=version))
    assert volume.shape == (4, 5, 6)
    assert len(volume) == 4
    assert volume.voxel_size_um == (10.0, 2.5, 2.5)
    assert volume.path == tmp_path / "slice_z07.ome.zarr"
    np.testing.assert_array_equal(np.asarray(volume), DATA)


@pytest.mark.parametrize(
    "index",
    [
        0,
        -1,
        slice(1, 3),
        slice(None, None, 2),
        ...,
        (2, slice(1, 4)),
        (slice(0, 1), 3, 4),
        (..., slice(2, 3)),
        (1, 2, 3),
    ],
)
def test_it_slices_like_a_numpy_array(tmp_path: Path, index: Any) -> None:
    sliced = open_volume(
        made_by_hand(tmp_path, DATA[None], multiscale((axis("c"), *map(axis, "zyx")), [scale(1, 1, 1, 1)]))
    )[index]
    np.testing.assert_array_equal(sliced, DATA[index])
    assert np.shape(sliced) == DATA[index].shape


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


@pytest.mark.parametrize("path", ["full", "s0", "7"])
def test_level_0_is_the_first_dataset_whatever_its_path(tmp_path: Path, path: str) -> None:
    store = made_by_hand(tmp_path, path=path)
    zarr.open_group(store, mode="a").create_array("0", shape=(1, 1, 1), dtype="f4", overwrite=True)
    np.testing.assert_array_equal(open_volume(store)[...], DATA)


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


@pytest.mark.parametrize("lead", ["c", "t", "tc"])
def test_singleton_t_and_c_are_dropped(tmp_path: Path, lead: str) -> None:
    ones = (1,) * len(lead)
    image = multiscale([*map(axis, lead), *map(axis, "zyx")], [scale(*ones, 10, 2.5, 2.5)])
    volume = open_volume(
        made_by_hand(tmp_path, DATA.reshape(*ones, *DATA.shape), image, chunks=(*ones, 2, 5, 6))
    )
    assert volume.shape == (4, 5, 6)
    assert volume.chunks == (2, 5, 6)
    assert volume.voxel_size_um == (10, 2.5, 2.5)
    np.testing.assert_array_equal(volume[1:3], DATA[1:3])


@pytest.mark.parametrize("lead", ["c", "t"])
def test_two_channels_or_times_are_refused(tmp_path: Path, lead: str) -> None:
    image = multiscale([axis(lead), *map(axis, "zyx")], [scale(1, 10, 2.5, 2.5)])
    store = made_by_hand(tmp_path, np.stack([DATA, DATA]), image)
    with pytest.raises(VolumeError, match=r"slice_z07\.ome\.zarr: shape \(2, 4, 5, 6\).* t and c of 1"):
        open_volume(store)


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


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_every_real_dtype_is_read_in_native_order(
    tmp_path: Path, version: str, dtype: str, order: str
) -> None:
    if version == "0.5" and order == ">":
        data = DATA.astype(dtype)
        store = made_by_hand(tmp_path, data, version=version)
        group = zarr.open_group(store, mode="a")
        big = zarr.codecs.BytesCodec(endian="big")
        array = group.create_array("0", shape=data.shape, dtype=data.dtype, serializer=big, overwrite=True)
        array[...] = data
    else:
        store = made_by_hand(tmp_path, DATA.astype(order + dtype), version=version)
    volume = open_volume(store)
    assert volume.dtype == np.dtype(dtype)
    assert volume.dtype.isnative
    assert volume[1].dtype == np.dtype(dtype)
    assert volume[1].dtype.isnative
    np.testing.assert_array_equal(volume[...], DATA.astype(dtype))


@pytest.mark.parametrize("dtype", ["c8", "b1"])
def test_what_is_no_real_number_is_refused(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(VolumeError, match=r"slice_z07.*dtype"):
        open_volume(made_by_hand(tmp_path, np.zeros((2, 2, 2), dtype)))


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match=r"absent\.ome\.zarr: no such OME-Zarr directory"):
        open_volume(tmp_path / "absent.ome.zarr")


def test_a_file_or_a_plain_directory_is_no_image(tmp_path: Path) -> None:
    file, folder, array = tmp_path / "a.ome.zarr", tmp_path / "b.ome.zarr", tmp_path / "c.ome.zarr"
    file.write_text("not zarr")
    folder.mkdir()
    (folder / "readme.txt").write_text("not zarr")
    zarr.create_array(array, shape=(2, 2, 2), dtype="u1")
    for path in (file, folder, array):
        with pytest.raises(VolumeError, match=path.name):
            open_volume(path)


def test_a_zarr_group_without_an_image_is_no_image(tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "a.ome.zarr").create_array("0", shape=(2, 2, 2), dtype="u1")
    with pytest.raises(VolumeError, match=r"a\.ome\.zarr: holds no readable multiscale image"):
        open_volume(tmp_path / "a.ome.zarr")


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


def test_axes_and_array_must_agree(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match=r"slice_z07.*shape \(5, 6\)"):
        open_volume(made_by_hand(tmp_path, DATA[0]))


@pytest.mark.parametrize(
    "damage", [lambda p: p.write_text("{"), lambda p: p.write_bytes(b"\xff\xfe"), Path.unlink]
)
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_damaged_json_is_an_error_that_names_the_file(
    tmp_path: Path, version: str, damage: Callable[[Path], object]
) -> None:
    for where in ("", "0"):
        store = made_by_hand(tmp_path, version=version)
        name = "zarr.json" if version == "0.5" else ".zarray" if where else ".zgroup"
        damage(store / where / name)
        with pytest.raises(VolumeError, match=r"slice_z07\.ome\.zarr"):
            open_volume(store)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_damaged_chunk_is_an_error_that_names_the_file(tmp_path: Path, version: str) -> None:
    store = made_by_hand(tmp_path, version=version)
    (chunk,) = chunk_files(store)
    chunk.write_bytes(b"not a chunk")
    volume = open_volume(store)
    with pytest.raises(VolumeError, match=r"slice_z07\.ome\.zarr: cannot be read at 1"):
        volume[1]


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_opening_reads_no_chunk(tmp_path: Path, version: str) -> None:
    store = made_by_hand(tmp_path, version=version, chunks=(1, 5, 6))
    assert len(chunk_files(store)) == 4
    for chunk in chunk_files(store):
        # Whoever reads one of these fails.
        chunk.write_bytes(b"not a chunk")
    volume = open_volume(store)
    assert (volume.shape, volume.dtype, volume.voxel_size_um) == ((4, 5, 6), DATA.dtype, (10, 2.5, 2.5))


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_slicing_reads_only_the_chunks_it_needs(tmp_path: Path, version: str) -> None:
    store = made_by_hand(tmp_path, version=version, chunks=(2, 5, 6))
    for chunk in chunk_files(store):
        place = chunk.relative_to(store / "0").as_posix().replace(".", "/").removeprefix("c/")
        if place.startswith("0/"):
            chunk.write_bytes(b"not a chunk")
    volume = open_volume(store)
    np.testing.assert_array_equal(volume[2:], DATA[2:])
    np.testing.assert_array_equal(volume[-1], DATA[-1])
    with pytest.raises(VolumeError):
        volume[1]


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ((10, 2.5, 2.5), (10, 2.5, 2.5), True),
        ((10, 2.5, 2.5), (10, 2.5, 2.5 + 1e-9), True),
        ((10, 2.5, 2.5), (10, 2.5, 2.501), False),
        ((1e-4, 1e-4, 1e-4), (2e-4, 1e-4, 1e-4), False),
    ],
)
def test_voxel_sizes_agree_to_a_millionth(
    a: tuple[float, float, float], b: tuple[float, float, float], same: bool
) -> None:
    assert same_voxel_size(a, b) is same
