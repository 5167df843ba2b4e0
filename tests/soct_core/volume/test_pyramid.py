"""How levels shrink: means of boxes, the least trusted label, and where a coarse voxel lies."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from written_images import DOUBT

from soct_core.volume.pyramid import halvings, level_transform, local_least_trusted, local_mean, shrunk


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


def test_a_pyramid_takes_the_mean_of_what_is_finite() -> None:
    block = np.arange(16, dtype=np.float32).reshape(2, 2, 4)
    clean = local_mean(block, (2, 2, 2))
    block[0, 0, 0] = np.inf
    block[:, :, 2:] = np.nan
    found = local_mean(block, (2, 2, 2))
    assert found[0, 0, 0] == pytest.approx((clean[0, 0, 0] * 8 - 0) / 7)
    assert np.isnan(found[0, 0, 1])


@given(
    st.data(),
    st.sampled_from(["u8", "i8", "u4", "i4", "f4", "f8", "f2"]),
    st.sampled_from([(2, 2, 2), (1, 2, 2), (2, 1, 1)]),
)
@settings(deadline=None)
def test_numbers_at_their_limits_neither_wrap_nor_overflow(
    data: st.DataObject, dtype: str, factors: tuple[int, int, int]
) -> None:
    limits = np.iinfo(dtype) if dtype[0] in "ui" else np.finfo(dtype)
    ends = [limits.min, limits.max, limits.dtype.type(limits.max) - limits.dtype.type(1), 0, 1]
    picked = data.draw(st.lists(st.sampled_from(ends), min_size=64, max_size=64))
    block = np.array(picked, dtype=dtype).reshape(4, 4, 4)
    small = local_mean(block, factors)
    assert small.dtype == block.dtype
    shape = small.shape
    boxes = block.reshape(shape[0], factors[0], shape[1], factors[1], shape[2], factors[2]).transpose(
        0, 2, 4, 1, 3, 5
    )
    for at in np.ndindex(shape):
        box = [Fraction(v) if dtype[0] in "ui" else Fraction(float(v)) for v in boxes[at].ravel().tolist()]
        mean = sum(box) / len(box)
        if dtype[0] in "ui":
            assert int(small[at]) == math.floor(mean + Fraction(1, 2))
        else:
            # Of sums that cancel, floats keep what their largest terms leave them.
            assert abs(Fraction(float(small[at])) - mean) <= max(map(abs, box)) * Fraction(1, 2**9)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_what_is_no_number_has_no_weight_beside_the_largest_numbers(dtype: str) -> None:
    most = np.finfo(dtype).max
    block = np.full((2, 2, 2), most, dtype=dtype)
    block[0, 0, 0], block[0, 0, 1] = np.nan, np.inf
    assert local_mean(block, (2, 2, 2)).item() == pytest.approx(most, rel=1e-6)
    assert np.isnan(local_mean(np.full((2, 2, 2), np.nan, dtype=dtype), (2, 2, 2))).all()
