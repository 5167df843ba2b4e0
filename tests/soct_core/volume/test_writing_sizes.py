"""Levels of given voxel sizes: those asked for, true in place, whatever blocks the image came in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from placed_slices import ImageLevel, levels_at
from written_images import ORIGIN, VOXEL, written_levels

from soct_core.volume.writing import ImageSpec, image_writer

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")
Array = NDArray[Any]
Shape = tuple[int, int, int]


def places(level: ImageLevel, axis: int) -> Array:
    """Physical places of the voxel centres along an axis, shaped to broadcast."""
    at = level.translation[axis] + level.scale[axis] * np.arange(level.data.shape[axis])
    return np.expand_dims(at, [a for a in range(3) if a != axis])


def ramp(level: ImageLevel) -> Array:
    """The value that a linear field has at every voxel centre of a level."""
    return 3.0 * places(level, 0) - 7.0 * places(level, 1) + 0.5 * places(level, 2)


def linear_field(shape: Shape) -> Array:
    """The linear field on the base grid."""
    nothing = np.empty(shape)
    return np.broadcast_to(ramp(ImageLevel(nothing, np.array(VOXEL), np.array(ORIGIN))), shape)


@pytest.mark.parametrize("sizes_um", [(10.0, 20.0, 40.0), (30.0,), (60.0, 120.0)])
def test_a_linear_field_is_true_at_the_voxel_centres_of_every_level(
    tmp_path: Path, sizes_um: tuple[float, ...]
) -> None:
    # 120 µm along every axis.
    levels, _ = written_levels(tmp_path, linear_field((12, 48, 24)), sizes_um)
    assert [level.scale.tolist() for level in levels[1:]] == [
        [max(size, v) for v in VOXEL] for size in sizes_um
    ]
    for level in levels:
        np.testing.assert_allclose(level.data, ramp(level), rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("sizes_um", "scales"),
    [
        pytest.param((2.0, 2.5), [], id="at or below the base along every axis"),
        pytest.param((1.0, 5.0, 25.0), [[10, 5, 5], [25] * 3], id="below the base"),
        pytest.param((25.0, 10.0, 25.0, 10.0), [[10] * 3, [25] * 3], id="twice, and in disorder"),
        pytest.param((4000.0,), [[4000] * 3], id="greater than the whole image"),
    ],
)
def test_levels_are_those_asked_for_at_or_above_the_base(
    tmp_path: Path, sizes_um: tuple[float, ...], scales: list[list[float]]
) -> None:
    data = np.random.default_rng(0).uniform(0, 9, (5, 30, 20))
    levels, label_levels = written_levels(tmp_path, data, sizes_um)
    assert [level.scale.tolist() for level in levels] == [list(VOXEL), *scales]
    assert [level.scale.tolist() for level in label_levels] == [list(VOXEL), *scales]
    np.testing.assert_array_equal(levels[0].data, data)
    if sizes_um == (4000.0,):
        assert levels[1].data.shape == (1, 1, 1)
        assert levels[1].data.item() == pytest.approx(data.mean())


@pytest.mark.parametrize("pyramid", [None, (10.0, 16.0, 45.0)])
@pytest.mark.parametrize("bites", [[1], [7], [3, 11, 1, 2]])
def test_an_image_is_the_same_whatever_blocks_it_was_appended_in(
    tmp_path: Path, pyramid: tuple[float, ...] | None, bites: list[int]
) -> None:
    data = np.random.default_rng(0).integers(0, 65_536, (19, 205, 33)).astype(np.uint16)
    spec = ImageSpec(data.shape, data.dtype, VOXEL, ORIGIN, pyramid_um=pyramid)
    with image_writer(tmp_path / "whole.ome.zarr", spec) as (image, _):
        image.append(data)
    with image_writer(tmp_path / "bites.ome.zarr", spec) as (image, _):
        at, index = 0, 0
        while at < len(data):
            image.append(data[at : at + bites[index % len(bites)]])
            at, index = at + bites[index % len(bites)], index + 1
    whole, in_bites = levels_at(tmp_path / "whole.ome.zarr"), levels_at(tmp_path / "bites.ome.zarr")
    assert len(whole) == (2 if pyramid is None else 4)
    for a, b in zip(whole, in_bites, strict=True):
        np.testing.assert_array_equal(a.data, b.data)
