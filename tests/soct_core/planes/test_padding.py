"""Padding is known from geometry: bands of zeros along the edges, through all planes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soct_core.planes.measured import imaged_of, read_measured
from soct_core.planes.padding import ImagedBox, reaches_all_edges

bands = st.tuples(*[st.integers(0, 5)] * 4)


@given(bands, st.integers(0, 2**32 - 1))
def test_the_box_is_what_lies_inside_the_bands(widths: tuple[int, int, int, int], seed: int) -> None:
    top, bottom, left, right = widths
    inside = np.random.default_rng(seed).uniform(1, 2, (3, 6, 7))
    planes = np.pad(inside, ((0, 0), (top, bottom), (left, right)))
    box = ImagedBox(planes.shape[1:])
    for plane in planes:
        box.see(plane)
    assert box.inside() == (slice(top, top + 6), slice(left, left + 7))
    assert box.is_whole == (widths == (0, 0, 0, 0)) == reaches_all_edges(planes)


def test_a_band_is_padding_only_where_no_plane_holds_anything() -> None:
    planes = np.zeros((3, 10, 12), np.uint8)
    planes[0, 4:6, 4:6] = 1
    planes[2, 1, 9] = 1
    wanted = np.zeros((10, 12), bool)
    wanted[1:6, 4:10] = True
    np.testing.assert_array_equal(imaged_of(planes)[1], wanted)
    _, where = read_measured(planes, 1)
    np.testing.assert_array_equal(where, wanted)


def test_zeros_within_are_measured() -> None:
    planes = np.ones((2, 9, 9))
    planes[:, 2:7, 2:7] = 0
    assert read_measured(planes, slice(0, 2))[1] is None


@pytest.mark.parametrize("planes", [np.zeros((2, 3, 4)), np.zeros((3, 4))])
def test_zeros_alone_have_no_inside(planes: np.ndarray) -> None:
    box = ImagedBox(planes.shape[-2:])
    box.see(planes)
    assert not box.is_whole
    assert not np.ones(planes.shape[-2:])[box.inside()].size
