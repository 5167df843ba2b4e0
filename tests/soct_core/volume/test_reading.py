"""Volumes opened and sliced: what is read, when, and what is refused with the name of the file."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from handmade_ngff import DATA, axis, chunk_files, made_by_hand, multiscale, scale
from stored_image import stored_image

from schemas.image_choice import ImageChoice
from soct_core.errors import ReadError, VolumeError
from soct_core.volume import open_volume
from soct_core.volume.reading import same_voxel_size
from soct_core.volume.writing import write_image


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


@pytest.mark.parametrize("path", ["full", "s0", "7"])
def test_level_0_is_the_first_dataset_whatever_its_path(tmp_path: Path, path: str) -> None:
    store = made_by_hand(tmp_path, path=path)
    zarr.open_group(store, mode="a").create_array("0", shape=(1, 1, 1), dtype="f4", overwrite=True)
    np.testing.assert_array_equal(open_volume(store)[...], DATA)


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


@pytest.mark.parametrize(("lead", "wanted"), [("c", "one channel; give --channel N"), ("t", "t of 1")])
def test_two_channels_or_times_are_refused(tmp_path: Path, lead: str, wanted: str) -> None:
    image = multiscale([axis(lead), *map(axis, "zyx")], [scale(1, 10, 2.5, 2.5)])
    store = made_by_hand(tmp_path, np.stack([DATA, DATA]), image)
    with pytest.raises(VolumeError, match=rf"slice_z07\.ome\.zarr: shape \(2, 4, 5, 6\).* {wanted}"):
        open_volume(store)


@pytest.mark.parametrize("chunks", [(1, 1, 2, 5, 6), (1, 2, 4, 5, 6), (1, 3, 1, 3, 6)])
def test_a_channel_is_read_when_it_is_chosen(tmp_path: Path, chunks: tuple[int, ...]) -> None:
    image = multiscale([*map(axis, "tczyx")], [scale(1, 1, 10, 2.5, 2.5)])
    data = np.stack([DATA, DATA + 1000, DATA + 2000])[None]
    store = made_by_hand(tmp_path, data, image, chunks=chunks)
    for channel in range(3):
        volume = open_volume(store, choice=ImageChoice(channel=channel))
        np.testing.assert_array_equal(volume[...], DATA + 1000 * channel)
        assert volume.lost_chunks() == []
    with pytest.raises(VolumeError, match="its channels are 0 to 2, but --channel says 3"):
        open_volume(store, choice=ImageChoice(channel=3))


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
    with pytest.raises(VolumeError, match=r"a\.ome\.zarr: holds no multiscale image"):
        open_volume(tmp_path / "a.ome.zarr")


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


@pytest.mark.parametrize("spoil", ["truncate", "empty", "flip"])
def test_a_chunk_that_cannot_be_decoded_is_one_clear_error(tmp_path: Path, spoil: str) -> None:
    data = np.random.default_rng(0).integers(1, 999, (10, 60, 60)).astype("u2")
    path = stored_image(tmp_path / "slice_z04.ome.zarr", data)
    file = path / "0" / "c" / "1" / "0" / "0"
    content = bytearray(file.read_bytes())
    if spoil == "flip":
        content[0] ^= 0xFF  # of the header; within the data a flip may decode to other voxels
    file.write_bytes({"truncate": content[: len(content) // 2], "empty": b"", "flip": bytes(content)}[spoil])
    volume = open_volume(path)
    np.testing.assert_array_equal(volume[:8], data[:8])
    with pytest.raises(VolumeError, match=r"slice_z04\.ome\.zarr: cannot be read at 9") as caught:
        volume[9]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["zarr.json", "0"])
def test_what_the_host_fails_to_read_is_no_bad_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A disk that fails, or too many open files: trying again may help."""
    path = tmp_path / "slice_z00.ome.zarr"
    write_image(path, np.ones((2, 8, 8), np.uint16), (50.0, 25.0, 25.0))
    real = os.open

    def failing(file: Any, *arguments: Any, **more: Any) -> int:
        if Path(file).name == "zarr.json" and (name == "zarr.json" or Path(file).parent.name == name):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), file)
        return real(file, *arguments, **more)

    monkeypatch.setattr(os, "open", failing)
    with pytest.raises(ReadError, match="cannot be read: Too many open files"):
        open_volume(path)


def test_a_machine_out_of_memory_is_no_damaged_slice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 9 GiB")

    path = made_by_hand(tmp_path, version="0.5")
    volume = open_volume(path)
    monkeypatch.setattr(zarr.Array, "__getitem__", refuse)
    with pytest.raises(MemoryError):
        volume[0]
    for name in ("open_group", "Group.__getitem__"):
        monkeypatch.setattr(f"zarr.{name}", refuse)
        with pytest.raises(MemoryError):
            open_volume(path)
        monkeypatch.undo()
