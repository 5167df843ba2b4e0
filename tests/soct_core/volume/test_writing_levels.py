"""Levels of a written image: true in scale and place, voxels are means, labels are never averaged."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from ome_zarr_models import open_ome_zarr
from written_images import DOUBT, ODD, VERSIONS, VOXEL, Version, multiscales, spec

from soct_core.volume.writing import image_writer

Floats = NDArray[np.float64]


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
    """Mean of every box of small integers, half rounded up, in float64."""
    padded = np.pad(block, [(0, -n % f) for n, f in zip(block.shape, factors, strict=True)], mode="edge")
    boxes = padded.reshape([m for n, f in zip(padded.shape, factors, strict=True) for m in (n // f, f)])
    return np.floor(boxes.mean(axis=(1, 3, 5), dtype=np.float64) + 0.5).astype(block.dtype)


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
