"""Images written: valid for others, read back the same, whole or not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr
from ome_zarr_models import open_ome_zarr
from written_images import VERSIONS, VOXEL, Version, multiscales, spec

from soct_core.errors import OutputError
from soct_core.volume import open_volume
from soct_core.volume.block_levels import slices
from soct_core.volume.writing import image_writer, write_image, write_in_blocks


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "f4"])
def test_other_programs_accept_the_image_and_its_labels(tmp_path: Path, version: Version, dtype: str) -> None:
    path = tmp_path / "3d_volume.ome.zarr"
    with image_writer(path, spec((3, 230, 201), dtype, version=version), ["provenance"]) as (image, labels):
        image.append(np.ones((3, 230, 201), dtype))
        labels["provenance"].append(np.ones((3, 230, 201), np.uint8))
    group = zarr.open_group(path, mode="r")
    assert group.metadata.zarr_format == (2 if version == "0.4" else 3)
    opened = open_ome_zarr(group, version=version)
    assert type(opened).__name__ == "Image"
    labels_group, label_group = group["labels"], group["labels/provenance"]
    assert isinstance(labels_group, zarr.Group)
    assert isinstance(label_group, zarr.Group)
    assert type(open_ome_zarr(labels_group, version=version)).__name__ == "Labels"
    assert type(open_ome_zarr(label_group, version=version)).__name__ == "ImageLabel"
    assert [d["path"] for d in multiscales(label_group)["datasets"]] == [
        d["path"] for d in multiscales(group)["datasets"]
    ]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_what_is_written_is_read_back(tmp_path: Path, version: Version, dtype: str) -> None:
    data = np.random.default_rng(0).integers(0, 100, (9, 33, 21)).astype(dtype)
    write_image(tmp_path / "a.ome.zarr", data, VOXEL, version)
    volume = open_volume(tmp_path / "a.ome.zarr")
    assert volume.dtype == data.dtype
    assert volume.voxel_size_um == VOXEL
    assert volume[...].tobytes() == data.tobytes()


def files_in(folder: Path) -> set[str]:
    """Everything below a directory, hidden too."""
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("version", VERSIONS)
def test_nothing_is_visible_before_the_end_and_nothing_beside_it_after(
    tmp_path: Path, version: Version
) -> None:
    path = tmp_path / "deep" / "a.ome.zarr"
    with image_writer(path, spec((3, 20, 20), version=version)) as (image, _):
        image.append(np.ones((3, 20, 20), np.uint16))
        assert not path.exists()
    assert {name.split("/")[0] for name in files_in(path.parent)} == {"a.ome.zarr"}


@pytest.mark.parametrize("old", [False, True])
def test_an_error_inside_leaves_what_was_there(tmp_path: Path, old: bool) -> None:
    path = tmp_path / "a.ome.zarr"
    if old:
        write_image(path, np.full((2, 20, 20), 7, np.uint16), VOXEL)
    before = files_in(tmp_path)
    with (
        pytest.raises(ZeroDivisionError),
        image_writer(path, spec((3, 20, 20)), ["provenance"]) as (image, _),
    ):
        image.append(np.ones((3, 20, 20), np.uint16))
        raise ZeroDivisionError
    assert files_in(tmp_path) == before
    assert not old or open_volume(path)[...].tolist() == [[[7] * 20] * 20] * 2


@pytest.mark.parametrize(("planes", "labels"), [(0, 3), (2, 3), (3, 2), (3, 0)])
def test_missing_planes_are_an_error_and_nothing_is_written(tmp_path: Path, planes: int, labels: int) -> None:
    path = tmp_path / "a.ome.zarr"
    with (
        pytest.raises(OutputError, match="wanted 3"),
        image_writer(path, spec((3, 20, 20)), ["provenance"]) as (image, streams),
    ):
        image.append(np.ones((planes, 20, 20), np.uint16))
        streams["provenance"].append(np.ones((labels, 20, 20), np.uint8))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("planes", [4, 8, 30])
@pytest.mark.parametrize("version", VERSIONS)
def test_planes_too_many_are_an_error_and_nothing_is_written(
    tmp_path: Path, version: Version, planes: int
) -> None:
    path = tmp_path / "a.ome.zarr"
    with pytest.raises(OutputError), image_writer(path, spec((3, 20, 20), version=version)) as (image, _):
        image.append(np.ones((planes, 20, 20), np.uint16))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(3, 20, 1), (3, 1, 20), (3, 19, 20)])
def test_planes_of_another_size_are_an_error_and_nothing_is_written(
    tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    # numpy would repeat a single row or column without a word.
    with (
        pytest.raises((OutputError, ValueError)),
        image_writer(tmp_path / "a.ome.zarr", spec((3, 20, 20))) as (image, _),
    ):
        image.append(np.ones(shape, np.uint16))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("old_version", VERSIONS)
@pytest.mark.parametrize("version", VERSIONS)
def test_an_existing_store_is_replaced_completely(
    tmp_path: Path, old_version: Version, version: Version
) -> None:
    path, fresh = tmp_path / "a.ome.zarr", tmp_path / "fresh" / "a.ome.zarr"
    old = spec((20, 401, 300), version=old_version)
    with image_writer(path, old, ["provenance"]) as (image, labels):
        image.append(np.ones(old.shape, np.uint16))
        labels["provenance"].append(np.ones(old.shape, np.uint8))
    (path / "stray.txt").write_text("left by hand")
    for target in (path, fresh):
        write_image(target, np.full((2, 30, 20), 5, np.uint16), VOXEL, version)
    assert files_in(path) == files_in(fresh)
    np.testing.assert_array_equal(open_volume(path)[...], np.full((2, 30, 20), 5))


@pytest.mark.parametrize("version", VERSIONS)
def test_chunks_of_zeros_are_written_so_that_a_missing_one_is_damage(
    tmp_path: Path, version: Version
) -> None:
    write_image(tmp_path / "zeros.ome.zarr", np.zeros((9, 30, 30), np.uint8), VOXEL, version)
    write_image(tmp_path / "ones.ome.zarr", np.ones((9, 30, 30), np.uint8), VOXEL, version)
    assert files_in(tmp_path / "zeros.ome.zarr") == files_in(tmp_path / "ones.ome.zarr")
    assert sum("/c/" in f"/{f}" or f.startswith("0/") for f in files_in(tmp_path / "zeros.ome.zarr")) >= 2


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("shape", [(5, 30, 40), (9, 130, 1101), (1, 201, 203)])
def test_an_image_written_in_blocks_is_the_same_to_the_byte(
    tmp_path: Path, version: Version, shape: tuple[int, int, int]
) -> None:
    data = np.random.default_rng(0).integers(0, 999, shape).astype(np.uint16)
    streamed, in_blocks = (tmp_path / name / "a.ome.zarr" for name in ("one", "two"))
    for path in (streamed, in_blocks):
        path.parent.mkdir()
    write_image(streamed, data, VOXEL, version)
    write_in_blocks(in_blocks, spec(shape, "u2", version=version), lambda box: data[slices(box)])
    assert files_in(streamed) == files_in(in_blocks)
    for name in files_in(streamed):
        assert (streamed / name).read_bytes() == (in_blocks / name).read_bytes(), name
