"""Writing OME-Zarr images: valid for others, true in scale, whole or not there."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from ome_zarr_models import open_ome_zarr

from soct_core.errors import OutputError
from soct_core.volume import open_volume
from soct_core.volume.pyramid import halvings, level_transform, local_least_trusted, local_mean, shrunk
from soct_core.volume.writing import ImageSpec, image_writer, write_image

Floats = NDArray[np.float64]
Version = Literal["0.4", "0.5"]
VERSIONS: tuple[Version, ...] = ("0.4", "0.5")
VOXEL = (10.0, 2.5, 5.0)
# Levels of 229 by 409, 115 by 205 and 58 by 103; in z more than one buffer, the last one odd.
ODD = (11, 229, 409)


def spec(shape: tuple[int, int, int] = ODD, dtype: Any = np.uint16, **more: Any) -> ImageSpec:
    """An image of 10 by 2.5 by 5 µm voxels."""
    return ImageSpec(shape, np.dtype(dtype), VOXEL, **more)


def multiscales(group: zarr.Group) -> dict[str, Any]:
    """The first multiscale image of a group, of either version."""
    attributes = group.attrs.asdict()
    found: dict[str, Any] = attributes.get("ome", attributes)["multiscales"][0]
    return found


def levels_of(path: Path) -> list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
    """Data, scale and translation of every level."""
    group = zarr.open_group(path, mode="r")
    found = []
    for dataset in multiscales(group)["datasets"]:
        scale, translation = dataset["coordinateTransformations"]
        array = group[dataset["path"]]
        assert isinstance(array, zarr.Array)
        found.append((np.asarray(array[...]), np.array(scale["scale"]), np.array(translation["translation"])))
    return found


def naive_mean(block: NDArray[Any], factors: tuple[int, int, int]) -> NDArray[Any]:
    """Mean of every box, one box at a time; edges repeat; integers round half up."""
    margins = [(0, -n % f) for n, f in zip(block.shape, factors, strict=True)]
    padded = np.pad(block, margins, mode="edge")
    out = np.empty([n // f for n, f in zip(padded.shape, factors, strict=True)], dtype=block.dtype)
    for place in np.ndindex(*out.shape):
        box = padded[tuple(slice(p * f, (p + 1) * f) for p, f in zip(place, factors, strict=True))]
        if block.dtype.kind == "f":
            out[place] = box.astype(np.float64).mean()
        else:
            # Python integers are exact, whatever the dtype.
            total = sum(int(v) for v in box.ravel())
            out[place] = (2 * total + box.size) // (2 * box.size)
    return out


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


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("origin", [(0.0, 0.0, 0.0), (200.0, -30.0, 12.5)])
def test_scale_and_translation_of_every_level_are_true(
    tmp_path: Path, version: Version, origin: tuple[float, float, float]
) -> None:
    # Every voxel holds its own place, so that a level that lies says so.
    coordinates = [o + v * np.arange(n) for o, v, n in zip(origin, VOXEL, ODD, strict=True)]
    for axis in range(3):
        ramp = np.broadcast_to(np.expand_dims(coordinates[axis], [a for a in range(3) if a != axis]), ODD)
        path = tmp_path / f"{axis}.ome.zarr"
        with image_writer(path, spec(dtype="f8", version=version, origin_um=origin)) as (image, _):
            image.append(ramp)
        levels = levels_of(path)
        assert len(levels) == 3
        for index, (data, scale, translation) in enumerate(levels):
            at = translation[axis] + scale[axis] * np.arange(data.shape[axis])
            wanted = np.broadcast_to(np.expand_dims(at, [a for a in range(3) if a != axis]), data.shape)
            # The last voxel along an odd edge repeats it and so lies a little off.
            inner = (slice(None),) * axis + (slice(0, -1) if index else slice(None),)
            np.testing.assert_allclose(data[inner], wanted[inner], rtol=0, atol=1e-9)


@pytest.mark.parametrize("sizes", list(product((1, 8, 9, 17), (101,), (200, 399))))
def test_levels_of_odd_sizes_are_means_of_the_level_below(
    tmp_path: Path, sizes: tuple[int, int, int]
) -> None:
    data = np.random.default_rng(sum(sizes)).integers(0, 4, sizes).astype(np.uint8)
    with image_writer(tmp_path / "a.ome.zarr", spec(sizes, "u1")) as (image, _):
        # Appended in uneven bites, single planes too.
        for start in range(0, sizes[0], 3):
            image.append(data[start : start + 3] if start % 2 else data[start : start + 3][0])
            for plane in data[start + 1 : start + 3] if not start % 2 else ():
                image.append(plane)
    levels = [data_ for data_, _, _ in levels_of(tmp_path / "a.ome.zarr")]
    assert len(levels) > 1
    np.testing.assert_array_equal(levels[0], data)
    for fine, coarse in pairwise(levels):
        factors = tuple(2 if n > 1 else 1 for n in fine.shape)
        np.testing.assert_array_equal(coarse, fast_mean(fine, factors))


def fast_mean(block: NDArray[Any], factors: tuple[int, ...]) -> NDArray[Any]:
    """The same as `naive_mean` for small integers, in float64."""
    padded = np.pad(block, [(0, -n % f) for n, f in zip(block.shape, factors, strict=True)], mode="edge")
    boxes = padded.reshape([m for n, f in zip(padded.shape, factors, strict=True) for m in (n // f, f)])
    return np.floor(boxes.mean(axis=(1, 3, 5), dtype=np.float64) + 0.5).astype(block.dtype)


dtypes = st.sampled_from(["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
factor_sets = st.sampled_from(list(product((1, 2), repeat=3)))
shapes = st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5))


@given(st.data(), dtypes, shapes, factor_sets)
@settings(max_examples=60, deadline=None)
def test_local_mean_is_the_naive_mean(
    data: st.DataObject, dtype: str, shape: tuple[int, int, int], factors: tuple[int, int, int]
) -> None:
    elements = st.floats(-1e6, 1e6, width=32) if dtype[0] == "f" else hnp.from_dtype(np.dtype(dtype))
    block = data.draw(hnp.arrays(dtype, shape, elements=elements))
    found, wanted = local_mean(block, factors), naive_mean(block, factors)
    assert found.dtype == block.dtype
    if dtype[0] == "f":
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1)
    else:
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [([0, 1], 1), ([1, 2], 2), ([2, 3], 3), ([254, 255], 255), ([255, 255], 255), ([0, 0], 0)],
)
def test_half_rounds_up(values: list[int], wanted: int) -> None:
    assert local_mean(np.array([[values]], np.uint8), (1, 1, 2)).tolist() == [[[wanted]]]


def test_half_rounds_up_below_zero_too() -> None:
    assert local_mean(np.array([[[-1, 0], [-2, -1]]], np.int16), (1, 1, 2)).tolist() == [[[0], [-1]]]


def test_the_sum_of_the_greatest_values_does_not_overflow() -> None:
    for dtype in ("u1", "i1", "u2", "i2", "u4", "i4"):
        top = np.iinfo(dtype).max
        assert local_mean(np.full((2, 2, 2), top, dtype), (2, 2, 2)).item() == top


# Order of doubt: interpolated is the worst, then a gap, then a blend, then measured.
DOUBT = {2: 3, 0: 2, 3: 1, 1: 0}


@given(hnp.arrays(np.uint8, shapes, elements=st.integers(0, 3)), factor_sets)
@settings(max_examples=80, deadline=None)
def test_a_coarse_label_is_the_least_trusted_one_under_it(
    labels: NDArray[np.uint8], factors: tuple[int, int, int]
) -> None:
    found = local_least_trusted(labels, factors)
    assert found.dtype == np.uint8
    for place in np.ndindex(*found.shape):
        box = labels[tuple(slice(p * f, (p + 1) * f) for p, f in zip(place, factors, strict=True))]
        assert int(found[place]) == max(box.ravel().tolist(), key=DOUBT.__getitem__)
    assert found.shape == shrunk(labels.shape, factors)


def test_labels_are_never_averaged(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).choice([1, 3], (4, 200, 200)).astype(np.uint8)
    labels[0, :2, :2] = 1
    labels[2, 50, 50], labels[2, 51, 51] = 0, 2
    with image_writer(tmp_path / "a.ome.zarr", spec(labels.shape), ["provenance"]) as (image, streams):
        image.append(np.zeros(labels.shape, np.uint16))
        streams["provenance"].append(labels)
    (_, coarse) = (data for data, _, _ in levels_of(tmp_path / "a.ome.zarr" / "labels" / "provenance"))
    assert coarse[1, 25, 25] == 2
    assert coarse[0, 0, 0] in (1, 3)
    assert set(np.unique(coarse)) <= {1, 2, 3}


@pytest.mark.parametrize(
    ("shape", "count"),
    [((5, 100, 100), 0), ((5, 199, 199), 0), ((5, 200, 90), 1), ((5, 399, 100), 2), ((1, 800, 1), 3)],
)
def test_levels_halve_until_the_longer_side_is_100_to_200_pixels(
    shape: tuple[int, int, int], count: int
) -> None:
    steps = list(halvings(shape))
    assert len(steps) == count
    for step in steps:
        # An axis of one voxel is not halved: it would claim room that was never imaged.
        assert [f == 1 for f in step] == [n == 1 for n in shape]
        shape = shrunk(shape, step)
    assert 100 <= max(shape[1:]) < 200


def test_a_coarse_voxel_lies_between_those_under_it() -> None:
    scale, translation = level_transform((10.0, 2.0, 3.0), (100.0, 0.0, -5.0), (1, 2, 4))
    assert scale == (10.0, 4.0, 12.0)
    assert translation == (100.0, 1.0, -0.5)


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


def shares(n: int, factor: float) -> Floats:
    """How much of each of n voxels lies under each coarser one, by walking both."""
    rows = []
    low = 0.0
    while low < n - 1e-6:
        high = min(low + factor, n)
        rows.append([max(0.0, min(high, i + 1) - max(low, i)) for i in range(n)])
        low += factor
    return np.array(rows)


def naive_area_mean(data: NDArray[Any], factors: tuple[float, float, float]) -> Floats:
    """Every coarse voxel as the mean of all under it, weighted by the volume they share."""
    z, y, x = (w / w.sum(axis=1, keepdims=True) for w in map(shares, data.shape, factors))
    found: Floats = np.einsum("az,by,cx,zyx->abc", z, y, x, data.astype(np.float64))
    return found


def naive_worst(labels: NDArray[np.uint8], factors: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Every coarse voxel as the least trusted of all that it touches."""
    touched = [shares(n, f) > 1e-6 for n, f in zip(labels.shape, factors, strict=True)]
    out = np.empty([len(t) for t in touched], np.uint8)
    for a, b, c in np.ndindex(*out.shape):
        box = labels[np.ix_(touched[0][a], touched[1][b], touched[2][c])]
        out[a, b, c] = max(box.ravel().tolist(), key=DOUBT.__getitem__)
    return out


@pytest.mark.parametrize("version", VERSIONS)
def test_levels_of_given_sizes_are_area_means_and_say_so(tmp_path: Path, version: Version) -> None:
    shape = (9, 31, 22)
    given_ = spec(shape, "f8", version=version, origin_um=(100.0, 0.0, -5.0), pyramid_um=(25.0, 10.0, 16.0))
    data = np.random.default_rng(0).uniform(0, 9, shape)
    labels = np.random.default_rng(1).choice([1, 1, 1, 3, 0, 2], shape).astype(np.uint8)
    path = tmp_path / "a.ome.zarr"
    with image_writer(path, given_, ["provenance"]) as (image, streams):
        for start in range(0, 9, 2):
            image.append(data[start : start + 2])
            streams["provenance"].append(labels[start : start + 2])
    levels, label_levels = levels_of(path), levels_of(path / "labels" / "provenance")
    assert [scale.tolist() for _, scale, _ in levels] == [
        [10, 2.5, 5],
        [10, 10, 10],
        [16, 16, 16],
        [25, 25, 25],
    ]
    for (found, scale, translation), (found_label, label_scale, label_translation) in zip(
        levels, label_levels, strict=True
    ):
        factors = tuple(scale / VOXEL)
        np.testing.assert_allclose(found, naive_area_mean(data, factors), atol=1e-9)
        np.testing.assert_array_equal(found_label, naive_worst(labels, factors))
        # The outer edge of the first voxel stays where it is on every level.
        np.testing.assert_allclose(translation - scale / 2, np.array([100, 0, -5]) - np.array(VOXEL) / 2)
        np.testing.assert_array_equal(scale, label_scale)
        np.testing.assert_array_equal(translation, label_translation)
    opened = open_ome_zarr(zarr.open_group(path, mode="r"), version=version)
    assert type(opened).__name__ == "Image"


@pytest.mark.parametrize("size_um", [10.0, 16.0, 25.0, 33.3])
def test_area_means_of_integers_are_rounded_and_keep_a_constant(tmp_path: Path, size_um: float) -> None:
    with image_writer(tmp_path / "a.ome.zarr", spec((7, 40, 30), "u1", pyramid_um=(size_um,))) as (image, _):
        image.append(np.full((7, 40, 30), 255, np.uint8))
    (_, (coarse, _, _)) = levels_of(tmp_path / "a.ome.zarr")
    assert coarse.dtype == np.uint8
    assert np.unique(coarse).tolist() == [255]
