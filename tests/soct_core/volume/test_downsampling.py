"""Coarser levels are true in place and amount, however their planes stream by."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from numpy.typing import NDArray
from written_images import DOUBT, ORIGIN, VOXEL, written_levels

from soct_core.volume.downsampling import AreaMean, Downsampler, Halving

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")
Array = NDArray[Any]
Shape = tuple[int, int, int]


@pytest.mark.parametrize("size_um", [16.0, 25.0, 33.3, 70.0])
@pytest.mark.parametrize("axis", range(3))
def test_voxels_that_divide_no_factor_count_by_their_share(tmp_path: Path, size_um: float, axis: int) -> None:
    # Along one axis at a time: what a voxel holds is its place, constant within the voxel.
    shape = (11, 41, 23)
    at = np.expand_dims(np.arange(shape[axis]) + 0.5, [a for a in range(3) if a != axis])
    levels, _ = written_levels(tmp_path, np.broadcast_to(at, shape), (size_um,))
    factor = Fraction(str(max(size_um, VOXEL[axis]))) / Fraction(str(VOXEL[axis]))
    line = np.moveaxis(levels[1].data, axis, -1)
    assert np.ptp(line, axis=(0, 1)).max() < 1e-9
    wanted = [
        float(mean_place(k * factor, min((k + 1) * factor, Fraction(shape[axis]))))
        for k in range(line.shape[2])
    ]
    np.testing.assert_allclose(line[0, 0], wanted, rtol=0, atol=1e-9)
    # Whole bins are off by less than a voxel's own staircase, whatever share they cut off.
    centre = (levels[1].translation[axis] - ORIGIN[axis]) / VOXEL[axis] + 0.5
    whole = [k for k in range(line.shape[2]) if (k + 1) * factor <= shape[axis]]
    exact = [centre + float(k * factor) for k in whole]
    np.testing.assert_allclose(line[0, 0][whole], exact, rtol=0, atol=0.125 / float(factor) + 1e-9)


def mean_place(low: Fraction, high: Fraction) -> Fraction:
    """Mean of a staircase that is i + 1/2 on [i, i + 1), over an interval."""
    total = Fraction(0)
    for i in range(math.floor(low), math.ceil(high)):
        share = min(high, Fraction(i + 1)) - max(low, Fraction(i))
        total += share * (i + Fraction(1, 2))
    return total / (high - low)


@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "f4", "f8"])
@pytest.mark.parametrize("sizes_um", [(10.0,), (20.0, 60.0), (30.0, 120.0)])
def test_intensity_is_neither_made_nor_lost(tmp_path: Path, dtype: str, sizes_um: tuple[float, ...]) -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(0, 120, (12, 48, 24)).astype(dtype)
    levels, _ = written_levels(tmp_path, data, sizes_um)
    assert len(levels) == 1 + len(sizes_um)
    total = data.sum(dtype=np.float64) * np.prod(VOXEL)
    for level in levels[1:]:
        assert level.data.dtype == data.dtype
        found = level.data.sum(dtype=np.float64) * np.prod(level.scale)
        if dtype[0] == "f":
            assert found == pytest.approx(total, rel=1e-6)
        else:
            # Each voxel is rounded by itself: at most by a half, and to no side by preference.
            means = level.data.size
            assert abs(found - total) / np.prod(level.scale) < 0.5 * 4 * math.sqrt(means) + 0.5


sizes = st.sampled_from(
    [Fraction(n, d) for n, d in ((1, 1), (2, 1), (3, 1), (5, 2), (8, 5), (10, 3), (7, 1))]
)
shapes = st.tuples(st.integers(1, 12), st.integers(1, 9), st.integers(1, 9))


def touched(n: int, factor: Fraction) -> list[range]:
    """Voxels under each coarser one, in exact arithmetic."""
    count = math.ceil(n / factor)
    return [range(math.floor(k * factor), min(n, math.ceil((k + 1) * factor))) for k in range(count)]


def naive_worst(labels: Array, factor: Fraction) -> Array:
    """Every coarse label as the least trusted of all that it touches."""
    boxes = [touched(n, factor) for n in labels.shape]
    out = np.empty([len(b) for b in boxes], np.uint8)
    for place in np.ndindex(*out.shape):
        box = labels[np.ix_(*(bins[at] for bins, at in zip(boxes, place, strict=True)))]
        out[place] = max(box.ravel().tolist(), key=DOUBT.__getitem__)
    return out


def streamed(shrinker: Downsampler, data: Array, bites: list[int]) -> Array:
    """What a shrinker gives for data pushed in blocks of the given depths, the last as often as needed."""
    parts, at, index = [], 0, 0
    while at < len(data):
        bite = bites[min(index, len(bites) - 1)]
        parts.append(shrinker.push(data[at : at + bite]))
        at, index = at + bite, index + 1
    return np.concatenate([*parts, shrinker.rest()])


@given(shapes, sizes, st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
@examples(max_examples=120, deadline=None)
def test_labels_take_the_worst_voxel_they_touch_whatever_the_blocks(
    shape: Shape, factor: Fraction, bites: list[int], seed: int
) -> None:
    labels = np.random.default_rng(seed).choice([1, 1, 1, 1, 3, 0, 2], shape).astype(np.uint8)
    shrinker = AreaMean(shape, (1.0, 1.0, 1.0), float(factor), labels.dtype, True)
    found = streamed(shrinker, labels, bites)
    assert found.dtype == np.uint8
    assert found.shape == shrinker.out_shape
    np.testing.assert_array_equal(found, naive_worst(labels, factor))


@given(
    shapes,
    sizes,
    st.lists(st.integers(1, 6), min_size=1, max_size=5),
    st.sampled_from(["u1", "i2", "u2", "f4", "f8"]),
)
@examples(max_examples=120, deadline=None)
def test_streaming_gives_what_one_block_gives(
    shape: Shape, factor: Fraction, bites: list[int], dtype: str
) -> None:
    data = np.random.default_rng(sum(shape)).integers(0, 120, shape).astype(dtype)

    def shrinker() -> AreaMean:
        return AreaMean(shape, (1.0, 1.0, 1.0), float(factor), data.dtype, False)

    whole = streamed(shrinker(), data, [shape[0]])
    assert whole.shape == shrinker().out_shape == tuple(math.ceil(n / factor) for n in shape)
    assert whole.dtype == data.dtype
    assert streamed(shrinker(), data, bites).tobytes() == whole.tobytes()


@pytest.mark.parametrize("factor", [Fraction(2), Fraction(5, 2), Fraction(8, 5), Fraction(10, 3)])
@pytest.mark.parametrize("label", [False, True])
def test_coarse_planes_leave_as_soon_as_they_are_complete(factor: Fraction, label: bool) -> None:
    data = np.random.default_rng(0).integers(0, 4, (40, 6, 6)).astype(np.uint8)
    shrinker = AreaMean((40, 6, 6), (1.0, 1.0, 1.0), float(factor), data.dtype, label)
    emitted = 0
    for z in range(40):
        emitted += len(shrinker.push(data[z : z + 1]))
        assert emitted == math.floor((z + 1) / factor) + (z == 39 and 40 % factor != 0)
    assert len(shrinker.rest()) == 0


@given(st.integers(1, 14), st.lists(st.sampled_from([2, 4, 6]), min_size=1, max_size=4), st.booleans())
@examples(max_examples=60, deadline=None)
def test_halving_whole_pairs_gives_what_one_block_gives(depth: int, bites: list[int], label: bool) -> None:
    data = np.random.default_rng(depth).integers(0, 4, (depth, 5, 7)).astype(np.uint8)
    whole = streamed(Halving((2, 2, 2), label), data, [depth])
    assert whole.shape == ((depth + 1) // 2, 3, 4)
    np.testing.assert_array_equal(streamed(Halving((2, 2, 2), label), data, bites), whole)


@pytest.mark.parametrize("dtype", ["u8", "i8", "u4", "f4", "f8"])
@pytest.mark.parametrize("factor", [1.7, 2.0, 2.9])
def test_the_largest_and_the_least_numbers_stay_where_they_are(dtype: str, factor: float) -> None:
    limits = np.iinfo(dtype) if dtype[0] in "ui" else np.finfo(dtype)
    for value in (limits.min, limits.max):
        block = np.full((5, 7, 7), value, dtype=dtype)
        shrinker = AreaMean(block.shape, (1.0, 1.0, 1.0), factor, block.dtype, False)
        small = np.concatenate([shrinker.push(block), shrinker.rest()]).astype(float)
        assert small == pytest.approx(float(value), rel=1e-6)
