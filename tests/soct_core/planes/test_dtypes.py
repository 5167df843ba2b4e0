"""Planes pass through floats and back without loss, rounded and clipped."""

from __future__ import annotations

import numpy as np
import pytest

from soct_core.planes.dtypes import to_dtype, to_float


@pytest.mark.parametrize(
    ("dtype", "wide"),
    [
        ("u1", "f4"),
        ("i2", "f4"),
        ("u2", "f4"),
        ("u4", "f8"),
        ("i4", "f8"),
        ("f2", "f4"),
        ("f4", "f4"),
        ("f8", "f8"),
    ],
)
def test_planes_pass_through_floats_without_loss(dtype: str, wide: str) -> None:
    limits = np.iinfo(dtype) if dtype[0] in "iu" else np.finfo(dtype)
    plane = np.array([[limits.min, 0, 1, limits.max]], dtype=dtype)
    as_float = to_float(plane)
    assert as_float.dtype == wide
    assert to_dtype(as_float, plane.dtype).tobytes() == plane.tobytes()


def test_integers_are_rounded_and_clipped_not_wrapped() -> None:
    plane = np.array([-3.2, 0.4, 0.6, 254.6, 300.0])
    assert to_dtype(plane, np.dtype("u1")).tolist() == [0, 0, 1, 255, 255]
    assert to_dtype(np.array([-4e4, 4e4, -1.6]), np.dtype("i2")).tolist() == [-32768, 32767, -2]
    assert to_dtype(np.array([-1.0, 1e30]), np.dtype("u8"))[0] == 0
    assert to_dtype(np.array([-1.0, 1e30]), np.dtype("u8"))[1] > 2**63
