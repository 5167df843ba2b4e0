"""The few planes and rows that are kept of a gap, as it streams by or from disk."""

from __future__ import annotations

import numpy as np
import pytest
from counting_volume import CountingVolume

from schemas.stack_plan import Block
from soct_core.reportlets.gap_planes import MOST_ROWS, GapPlanes, read_gap_planes, reduced_plane, rows_near
from soct_core.volume.block_levels import slices, windows


def test_a_sight_keeps_the_middle_and_one_row_of_each_plane() -> None:
    planes = np.arange(5 * 4 * 3).reshape(5, 4, 3)
    sight = GapPlanes(row=2)
    for box in (Block(first=(z, y, 0), end=(z + 1, y + 2, 3)) for z in range(5) for y in (0, 2)):
        sight.see(planes[slices(box)], box, (5, 4, 3))
    assert np.array_equal(sight.middle, planes[2])
    assert np.array_equal(np.stack(sight.rows), planes[:, 2])


def test_of_large_planes_means_are_kept() -> None:
    plane = np.random.default_rng(0).normal(size=(1, 600, 4100)).astype(np.float32)
    wanted = plane[0, :600, :4100].reshape(150, 4, 1025, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(reduced_plane(plane, 0), wanted, atol=1e-5)
    sight = GapPlanes(row=0)
    for box in windows(Block(first=(0, 0, 0), end=plane.shape)):
        sight.see(plane[slices(box)], box, plane.shape)
    np.testing.assert_allclose(sight.middle, wanted, atol=1e-5)


def test_a_sight_of_what_lies_on_disk_is_the_same() -> None:
    planes = np.random.default_rng(0).integers(0, 9, (21, 4, 3))
    found = read_gap_planes(CountingVolume(planes), 2)
    assert np.array_equal(found.middle, planes[10])
    assert np.array_equal(np.stack(found.rows), planes[:, 2])
    assert read_gap_planes(None, 2).middle is None


@pytest.mark.parametrize("last", [True, False])
def test_a_preview_reads_only_planes_near_the_gap(last: bool) -> None:
    data = np.random.default_rng(0).integers(0, 99, (100, 6, 8))
    volume = CountingVolume(data)
    rows = rows_near(volume, 3, last=last)
    near = range(100 - MOST_ROWS, 100) if last else range(MOST_ROWS)
    assert np.array_equal(rows, data[near.start : near.stop, 3])
    assert set(volume.planes) == set(near)
