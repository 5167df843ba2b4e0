"""Planes reduced band by band are those reduced as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.common_space import Window
from soct_core.planes.measured import read_measured
from soct_core.planes.padding import Inside
from soct_core.registration import reduced_reading
from soct_core.registration.reduced_reading import read_reduced
from soct_core.registration.working_plane import reduced
from soct_core.volume.imaged import Imaged, ImagedMask
from soct_core.volume.views import seen_through, trusted_part

SHAPE = (6, 131, 157)


class Stored:
    """As a volume on disk: it knows its chunks and what was imaged, and no band of rows is read twice."""

    def __init__(self, data: NDArray[Any], inside: tuple[slice, slice] | None = None) -> None:
        self.data, self.shape, self.dtype, self.chunks = data, data.shape, data.dtype, (4, 32, 64)
        self.imaged = ImagedMask(
            SHAPE, self.chunks, lambda: Imaged(None if inside is None else Inside(*inside), None)
        )
        self.rows: list[tuple[int, int]] = []

    def __getitem__(self, index: Any) -> NDArray[Any]:
        if isinstance(index, tuple) and len(index) > 1 and isinstance(index[1], slice):
            start, stop, _ = index[1].indices(self.shape[1])
            self.rows.append((start, stop))
        return np.asarray(self.data[index])


def tissue(dtype: str) -> NDArray[Any]:
    return (np.random.default_rng(0).gamma(4, 100, SHAPE) + 20).astype(dtype)


def padded(fill: float, *, masked: bool) -> Stored:
    data = tissue("f4")
    inside = slice(9, 120), slice(0, 150)
    if masked:
        y, x = np.mgrid[-1 : 1 : SHAPE[1] * 1j, -1 : 1 : SHAPE[2] * 1j]
        data *= np.hypot(y, x) < 0.8
    outside = np.ones(SHAPE[1:], bool)
    outside[inside] = False
    data[:, outside] = fill
    return Stored(data, inside)


def holed() -> Stored:
    data = tissue("f4")
    data[2, 40:60, 30:90] = np.nan
    data[:, 0, 0] = np.inf
    return Stored(data)


VOLUMES = {
    "float": Stored(tissue("f4")),
    "integers": Stored(tissue("u2")),
    "padded": padded(0, masked=False),
    "masked": padded(0, masked=True),
    "holes": holed(),
}


@pytest.mark.parametrize("index", [2, slice(1, 4)])
@pytest.mark.parametrize("factor", [1, 3, 7, 33])
@pytest.mark.parametrize("name", VOLUMES)
def test_bands_make_the_plane_that_the_whole_makes(
    monkeypatch: pytest.MonkeyPatch, name: str, factor: int, index: int | slice
) -> None:
    volume = VOLUMES[name]
    planes, where = read_measured(volume, index)
    wanted = reduced(planes, factor, where)
    monkeypatch.setattr(reduced_reading, "WHOLE_BYTES", 0)
    monkeypatch.setattr(reduced_reading, "_BAND_ROWS", 40)
    volume.rows.clear()
    found = read_reduced(volume, index, factor)
    assert found.factor == wanted.factor
    assert (found.measured is None) == (wanted.measured is None)
    if wanted.measured is not None and found.measured is not None:
        np.testing.assert_array_equal(found.measured, wanted.measured)
    there = ... if wanted.measured is None else wanted.measured
    np.testing.assert_allclose(found.values[there], wanted.values[there], rtol=2e-6)
    bands = [(start, stop) for start, stop in volume.rows if stop - start > 1 or start % 32 == 0]
    assert bands[: -(-131 // 32)] == [(y, min(y + 32, 131)) for y in range(0, 131, 32)]


@pytest.mark.parametrize("rows", [slice(0, 10), slice(10, 100), slice(100, 160), slice(0, 170), slice(5, 5)])
def test_a_view_gives_any_band_of_its_rows(rows: slice) -> None:
    volume = Stored(tissue("u2"))
    view = seen_through(trusted_part(volume, 5), Window(offset=(3, 12), plane_shape=(170, 165)))
    whole = np.asarray(view[:])
    np.testing.assert_array_equal(view[1:4, rows], whole[1:4, rows])
    np.testing.assert_array_equal(view[4, rows, 3:70], whole[4, rows, 3:70])
    assert np.asarray(view[2, 40]).tolist() == whole[2, 40].tolist()
    asked = [(max(0, rows.start - 12), min(131, rows.stop - 12))]
    assert all(bands in [*asked, (0, 131)] for bands in volume.rows)
