"""A chunk that the file does not hold was not measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stored_image import lose_chunk, stored_image

from soct_core.planes.measured import measured, stored_in
from soct_core.volume import open_volume


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_a_chunk_that_is_not_there_was_not_measured(tmp_path: Path, version: str, dtype: str) -> None:
    data = np.random.default_rng(0).integers(1, 999, (10, 520, 20)).astype(dtype)
    path = stored_image(tmp_path / "a.ome.zarr", data, version)
    whole = open_volume(path)
    assert (whole.stored, whole.absent_chunks, whole.chunk_count) == (None, 0, 4)
    lose_chunk(path, 0, 1, 0)
    volume = open_volume(path)
    assert volume.absent_chunks == 1
    wanted = np.ones(data.shape, bool)
    wanted[:8, 512:] = False
    assert volume.stored is not None
    for index in (
        3,
        9,
        -1,
        slice(6, 10),
        ...,
        (2, 515),
        (slice(None), ..., 7),
        (..., 7),
        (4, slice(500, 519), 3),
    ):
        np.testing.assert_array_equal(volume.stored[index], wanted[index], err_msg=str(index))
        seen = measured(volume[index], stored_in(volume, index))
        np.testing.assert_array_equal(True if seen is None else seen, wanted[index], err_msg=str(index))
        np.testing.assert_array_equal(volume[index][wanted[index]], data[index][wanted[index]])
    lost = volume[:8, 512:]
    assert np.isnan(lost).all() if dtype == "f4" else not lost.any()
