"""Views slice like the arrays that they stand for, and read no more than they must."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from counting_volume import CountingVolume
from hypothesis import example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from stored_image import lose_chunk, stored_image

from schemas.common_space import Window
from soct_core.errors import VolumeError
from soct_core.planes.measured import imaged_of, read_measured
from soct_core.volume import open_volume
from soct_core.volume.views import padded_to_common_shape, seen_through, trusted_part

indices = st.one_of(
    st.integers(-9, 8),
    st.builds(
        slice,
        st.none() | st.integers(-14, 14),
        st.none() | st.integers(-14, 14),
        st.none() | st.sampled_from([1, 2, 3, -1, -2]),
    ),
)


def limited(index: int | slice, size: int) -> int | slice:
    """The index, brought within an axis if it is a number."""
    return index % size if isinstance(index, int) and not -size <= index < size else index


@given(st.integers(1, 12), indices, st.lists(indices, max_size=2))
@example(4, slice(-6, None, -1), [])
@examples(max_examples=300, deadline=None)
def test_the_top_of_a_slice_slices_like_an_array_of_its_planes(
    planes: int, first: int | slice, rest: list[int | slice]
) -> None:
    data = np.arange(9 * 5 * 4).reshape(9, 5, 4)
    top, wanted = trusted_part(data, planes), data[:planes]
    assert (top.shape, top.dtype) == (wanted.shape, wanted.dtype)
    index = tuple(limited(i, n) for i, n in zip([first, *rest], wanted.shape, strict=False))
    np.testing.assert_array_equal(top[index], wanted[index])
    np.testing.assert_array_equal(top[index[0]], wanted[index[0]])


@pytest.mark.parametrize("plane", [4, 8, -5, 100])
def test_there_is_no_plane_below_the_top_of_a_slice(plane: int) -> None:
    volume = CountingVolume(np.zeros((9, 5, 4)))
    with pytest.raises(IndexError):
        trusted_part(volume, 4)[plane]
    assert not volume.planes


def test_only_what_is_sliced_is_read() -> None:
    volume = CountingVolume(np.ones((9, 5, 4)))
    trusted_part(volume, 6)[-2:]
    assert set(volume.planes) == {4, 5}
    seen_through(volume, Window(offset=(3, 2), plane_shape=(9, 9)))[7]
    assert set(volume.planes) == {4, 5, 7}


@given(
    st.tuples(st.integers(0, 5), st.integers(0, 5)),
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    indices,
    st.lists(indices, max_size=2),
)
@example((1, 0), (2, 0), 3, [slice(1, 3)])
@examples(max_examples=300, deadline=None)
def test_a_window_slices_like_the_slice_padded_with_zeros(
    offset: tuple[int, int], beyond: tuple[int, int], first: int | slice, rest: list[int | slice]
) -> None:
    data = np.arange(1, 9 * 5 * 4 + 1).reshape(9, 5, 4)
    x, y = offset
    plane_shape = (y + 5 + beyond[1], x + 4 + beyond[0])
    wanted = np.pad(data, ((0, 0), (y, beyond[1]), (x, beyond[0])))
    window = seen_through(data, Window(offset=offset, plane_shape=plane_shape))
    assert (window.shape, window.dtype) == (wanted.shape, wanted.dtype)
    index = tuple(limited(i, n) for i, n in zip([first, *rest], wanted.shape, strict=False))
    np.testing.assert_array_equal(window[index], wanted[index])
    np.testing.assert_array_equal(window[index[0]], wanted[index[0]])


def test_what_lies_beside_a_slice_was_not_imaged() -> None:
    data = np.ones((3, 4, 5), np.uint16)
    seen = seen_through(data, Window(offset=(2, 1), plane_shape=(6, 9)))
    inside = np.zeros((6, 9), bool)
    inside[1:5, 2:7] = True
    assert imaged_of(seen).shape == seen.shape
    for index in (0, -1, slice(1, 3)):
        found = np.asarray(imaged_of(seen)[index])
        assert found.dtype == bool
        assert (found == inside).all()


@pytest.mark.parametrize(("offset", "shape"), [((-1, 0), (9, 9)), ((0, 5), (9, 9)), ((6, 0), (9, 9))])
def test_a_slice_that_leaves_its_canvas_is_refused(offset: tuple[int, int], shape: tuple[int, int]) -> None:
    with pytest.raises(VolumeError, match="leaves the canvas"):
        seen_through(np.zeros((2, 5, 4)), Window(offset=offset, plane_shape=shape))


def test_without_a_window_a_slice_is_itself() -> None:
    data = np.zeros((2, 5, 4))
    assert seen_through(data, None) is data


def test_views_pass_on_what_was_imaged(tmp_path: Path) -> None:
    path = stored_image(tmp_path / "a.ome.zarr", np.ones((10, 20, 20), "u2"))
    lose_chunk(path, 1, 0, 0)
    volume = open_volume(path)
    assert imaged_of(trusted_part(volume, 8))[-1].all()
    assert not imaged_of(trusted_part(volume, 9))[-1].any()
    window = seen_through(volume, Window(offset=(2, 3), rest=(0.0, 0.0), plane_shape=(30, 40)))
    seen = np.asarray(imaged_of(window)[0])
    assert seen.shape == (30, 40)
    assert seen.sum() == 400
    assert seen[3:23, 2:22].all()
    a, b = padded_to_common_shape(volume, np.ones((2, 3, 24), "u2"))
    assert [np.asarray(imaged_of(v)[0]).sum() for v in (a, b)] == [400, 72]
    _, where = read_measured(trusted_part(volume, 8), slice(0, 4))
    assert where is None
