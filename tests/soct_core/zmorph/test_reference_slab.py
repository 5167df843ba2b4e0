"""Reference slabs: as deep as the noise asks, and no deeper."""

from __future__ import annotations

import numpy as np
import pytest
from drifting_tissue import noisy, tissue_plane

from soct_core.registration.working_plane import ReducedPlanes, reduced
from soct_core.zmorph.reference_slab import most_planes, slab_around, slab_size


def side(looks: float, depth: int = 14) -> ReducedPlanes:
    """Planes of one tissue, speckled; all of it with no looks."""
    rng, plane = np.random.default_rng(1), tissue_plane()
    if not looks:
        return reduced(np.stack([noisy(plane, k) for k in range(depth)]))
    return reduced(np.stack([plane * rng.gamma(looks, 1 / looks, plane.shape) for _ in range(depth)]))


def test_more_noise_asks_for_deeper_slabs() -> None:
    sizes = [slab_size((side(looks), side(looks)), "auto") for looks in (0, 4, 1)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 1
    assert sizes[-1] >= 5


def test_slabs_end_where_two_of_them_do_not_fit_or_where_they_may() -> None:
    assert slab_size((side(1, depth=6), side(1)), "auto") <= 3
    assert slab_size((side(1, depth=1), side(1)), "auto") == 1
    assert slab_size((side(1), side(1)), "auto", 2) == 2
    assert slab_size((side(1), side(1)), 4, 2) == 4


@pytest.mark.parametrize(("plane_um", "most"), [(None, 7), (5.0, 7), (25.0, 4), (50.0, 2), (300.0, 1)])
def test_slabs_are_at_most_100_um_deep(plane_um: float | None, most: int) -> None:
    assert most_planes("auto", plane_um) == most
    assert most_planes(9, plane_um) == 9


@pytest.mark.parametrize(
    ("plane", "size", "above", "wanted"),
    [
        (0, 3, True, (0, 1)),
        (2, 3, True, (1, 3)),
        (2, 2, True, (1, 2)),
        (2, 2, False, (2, 3)),
        (5, 3, False, (4, 5)),
    ],
)
def test_slabs_of_a_given_size_stay_centred(
    plane: int, size: int, above: bool, wanted: tuple[int, int]
) -> None:
    assert slab_around(plane, size, 6, above=above) == wanted
