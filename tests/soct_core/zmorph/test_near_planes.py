"""Near planes: read once, counted from the gap, reduced as a whole would be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from soct_core.registration.working_plane import reduced
from soct_core.volume.views import VolumeView, padded_to_common_shape
from soct_core.zmorph.near_planes import near_side

VOLUME = np.random.default_rng(0).uniform(1, 9, (20, 40, 50)).astype(np.float32)


class Chunked:
    """A volume in chunks of 8 planes, that tells what was read."""

    chunks = (8, 40, 50)
    shape, ndim, dtype = VOLUME.shape, VOLUME.ndim, VOLUME.dtype
    voxel_size_um = (12.5, 10.0, 10.0)

    def __init__(self) -> None:
        self.read: list[Any] = []

    def __getitem__(self, index: Any) -> Any:
        self.read.append(index)
        return VOLUME[index]


@pytest.mark.parametrize("above", [True, False])
def test_planes_are_counted_from_the_gap(above: bool) -> None:
    side = near_side(VOLUME, 6, 3, above=above)
    order = VOLUME[::-1] if above else VOLUME
    np.testing.assert_allclose(side.planes.values, reduced(order[:6]).values, rtol=1e-6)
    far = side.far_slab(3)
    assert far is not None
    np.testing.assert_allclose(far.image, reduced(order[-3:]).plane().image, rtol=1e-6)


@pytest.mark.parametrize("above", [True, False])
def test_no_chunk_is_read_twice_for_the_planes(above: bool) -> None:
    volume = Chunked()
    side = near_side(volume, 11, 2, above=above)
    blocks = [index for index in volume.read if isinstance(index, slice)]
    assert len(side.planes) == 11
    assert all(block.start // 8 == (block.stop - 1) // 8 for block in blocks)
    assert sum(block.stop - block.start for block in blocks) == 13
    assert side.plane_um == 12.5


def test_a_far_slab_shares_no_plane_with_the_nearest() -> None:
    thin = near_side(VOLUME[:5], 14, 7, above=True)
    assert thin.far is None
    assert thin.far_slab(2) is not None
    assert thin.far_slab(3) is None


def test_a_view_hands_on_how_far_apart_planes_are() -> None:
    above, below = padded_to_common_shape(VolumeView(Chunked(), 12), VOLUME[:, :39])
    assert near_side(above, 4, 2, above=True).plane_um == 12.5
    assert near_side(below, 4, 2, above=False).plane_um is None
