"""The baselines: means of planes of the same depth, smoothed along z, and of measured voxels only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.stack_plan import Block
from soct_core.baselines import Baseline, interpolate_average, interpolate_weighted


def test_the_average_is_the_mean_of_planes_of_the_same_depth() -> None:
    before = np.arange(5, dtype=np.float32)[:, None, None] * np.ones((5, 2, 3), np.float32)
    after = 10 * before
    np.testing.assert_allclose(interpolate_average(before, after)[:, 0, 0], [0, 5.5, 11, 16.5, 22])
    np.testing.assert_allclose(interpolate_average(before, after, 3)[:, 1, 2], [0, 11, 22])
    np.testing.assert_allclose(interpolate_average(before, after[:3], 5)[-1, 0, 0], (4 + 20) / 2)


def test_the_average_keeps_dtype_and_pads() -> None:
    average = interpolate_average(np.full((2, 2, 3), 11, np.uint8), np.full((2, 3, 2), 21, np.uint8))
    assert average.dtype == np.uint8
    # Zeros where a plane was padded, 5.5 and 10.5 rounded to the even neighbour.
    assert average[0].tolist() == [[16, 16, 6], [16, 16, 6], [10, 10, 0]]


def test_the_weighted_baseline_is_the_average_smoothed_along_z() -> None:
    before = np.zeros((33, 2, 2))
    before[16] = 2.0
    weighted = interpolate_weighted(before, np.zeros((33, 2, 2)))
    # Of an impulse of 1 in the average: a gaussian of sigma 2 planes, cut at 4 sigma.
    kernel = np.exp(-0.5 * (np.arange(-8, 9) / 2.0) ** 2)
    np.testing.assert_allclose(weighted[8:25, 0, 0], kernel / kernel.sum(), atol=1e-12)
    np.testing.assert_allclose(weighted[:8], 0, atol=1e-12)
    constant = interpolate_weighted(np.full((4, 2, 2), 9, np.uint8), np.full((4, 2, 2), 9, np.uint8), 6)
    assert constant.shape == (6, 2, 2)
    assert (constant == 9).all()


@pytest.mark.parametrize("baseline", [interpolate_average, interpolate_weighted])
def test_baselines_give_no_weight_to_what_was_not_measured(baseline: Any) -> None:
    before, after = np.full((5, 4, 4), 2.0, "f4"), np.full((5, 4, 4), 4.0, "f4")
    before[:, 1, 1] = np.nan
    after[:, 2, 2] = np.inf
    before[:, 3, 3] = after[:, 3, 3] = np.nan
    found = baseline(before, after)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, [0, 1, 2, 3], [0, 1, 2, 3]], np.broadcast_to([3, 4, 2, 0], (5, 4)))


@pytest.mark.parametrize(("sigma", "output_z"), [(0.0, None), (2.0, None), (2.0, 30)])
def test_boxes_are_cut_from_the_whole(sigma: float, output_z: int | None) -> None:
    rng = np.random.default_rng(0)
    before, after = rng.normal(9, 3, (2, 20, 12, 14)).astype("f4")
    before[3:9, 4, 5] = np.nan
    baseline = Baseline(before, after, output_z, sigma)
    whole = baseline.whole()
    for first, end in [((0, 0, 0), (5, 6, 7)), ((9, 3, 4), (12, 12, 14)), ((16, 0, 1), (20, 1, 2))]:
        found = baseline.voxels(Block(first=first, end=end))
        places = tuple(slice(a, b) for a, b in zip(first, end, strict=True))
        np.testing.assert_array_equal(found, whole[places])


def test_a_box_reads_its_window_alone() -> None:
    asked: list[tuple[int, ...]] = []

    class Watched:
        shape, dtype = (40, 64, 64), np.dtype(np.float32)

        def __getitem__(self, index: Any) -> NDArray[np.float32]:
            found = np.ones(self.shape, np.float32)[index]
            asked.append(found.shape)
            return found

    Baseline(Watched(), Watched(), sigma_z=2.0).voxels(Block(first=(20, 0, 16), end=(24, 8, 32)))
    assert asked == [(4 + 16, 8, 16)] * 2
    # Of few planes that lie far apart, not those between.
    asked.clear()
    Baseline(Watched(), Watched(), 3).voxels(Block(first=(0, 0, 16), end=(3, 8, 32)))
    assert asked == [(1, 8, 16)] * 6


@pytest.mark.parametrize("baseline", [interpolate_average, interpolate_weighted])
def test_a_gap_has_a_plane_at_least(baseline: Any) -> None:
    volume = np.ones((4, 3, 3), np.uint8)
    with pytest.raises(ValueError, match="output_z is 0, wanted 1 at least"):
        baseline(volume, volume, 0)
