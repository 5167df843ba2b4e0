"""Padding is known from geometry: bands of zeros along the edges, through all planes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soct_core.planes.measured import imaged_of, read_measured
from soct_core.planes.padding import ImagedBox, fills_frame

bands = st.tuples(*[st.integers(0, 5)] * 4)


@given(bands, st.integers(0, 2**32 - 1))
def test_the_box_is_what_lies_inside_the_bands(widths: tuple[int, int, int, int], seed: int) -> None:
    top, bottom, left, right = widths
    imaged = np.random.default_rng(seed).uniform(1, 2, (3, 6, 7))
    planes = np.pad(imaged, ((0, 0), (top, bottom), (left, right)))
    box = ImagedBox(planes.shape[1:])
    for plane in planes:
        box.see(plane)
    inside = box.inside()
    assert (inside.rows, inside.columns) == (slice(top, top + 6), slice(left, left + 7))
    assert not inside.lines
    assert box.is_whole == (widths == (0, 0, 0, 0)) == fills_frame(planes)


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
    assert not box.inside().mask(planes.shape[-2:]).any()


def turned(degrees: float, shift: tuple[float, float], field: tuple[int, int]) -> np.ndarray:
    """Two planes of noise, 120 x 150, of which a turned field of view shows (height, width)."""
    y, x = np.mgrid[:120, :150]
    angle = np.deg2rad(degrees)
    dx, dy = x - 74.5 - shift[0], y - 59.5 - shift[1]
    u, v = np.cos(angle) * dx + np.sin(angle) * dy, -np.sin(angle) * dx + np.cos(angle) * dy
    shown = (abs(u) <= field[1] / 2) & (abs(v) <= field[0] / 2)
    return np.random.default_rng(0).uniform(1, 2, (2, 120, 150)) * shown


@pytest.mark.parametrize("degrees", [-30, -5, 2, 15, 45])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (12.0, -7.0)])
@pytest.mark.parametrize("field", [(120, 150), (70, 90)])
def test_corners_outside_a_turned_field_of_view_are_padding(
    degrees: float, shift: tuple[float, float], field: tuple[int, int]
) -> None:
    planes = turned(degrees, shift, field)
    _, where = read_measured(planes, 0)
    assert where is not None
    assert where[planes[0] != 0].mean() > 0.999
    assert where[planes[0] == 0].sum() < 0.015 * where.size, "about a pixel along the rim"


@pytest.mark.parametrize("outline", ["ellipse", "pointed", "two halves", "cropped", "speckle"])
def test_zeros_around_a_masked_brain_are_measured(outline: str) -> None:
    y, x = np.mgrid[:120, :150]
    brain = ((y - 60) / 50) ** 2 + ((x - 75) / 70) ** 2 <= 1
    if outline == "two halves":
        brain = (((y - 60) / 50) ** 2 + ((x - 45) / 40) ** 2 <= 1) | (
            ((y - 60) / 50) ** 2 + ((x - 105) / 40) ** 2 <= 1
        )
    if outline == "pointed":
        brain = abs(y - 60) / 50 + abs(x - 75) / 40 + abs(y - 60) ** 2 / 4000 <= 1
    if outline == "cropped":
        brain = ((y - 60) / 75) ** 2 + ((x - 75) / 90) ** 2 <= 1
    planes = np.random.default_rng(0).uniform(1, 2, (3, 120, 150)) * brain
    if outline == "speckle":
        planes *= np.random.default_rng(1).random(planes.shape) > 0.3
    rows, columns = np.flatnonzero(brain.any(axis=1)), np.flatnonzero(brain.any(axis=0))
    box = np.zeros(brain.shape, bool)
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    _, where = read_measured(planes, 1)
    found = np.ones_like(box) if where is None else where
    np.testing.assert_array_equal(found, box)
