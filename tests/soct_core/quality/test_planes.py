"""Which planes are looked at, which slices judge one, and tissue under heavy noise."""

from __future__ import annotations

import numpy as np
import pytest
from assessed_slices import phantom_slice
from hypothesis import given
from hypothesis import strategies as st

from schemas.quality import QualitySettings
from soct_core.quality.planes import (
    REACH,
    WITNESSES,
    LookedAt,
    pairs_to_compare,
    surroundings,
    tissue_of,
    witnesses,
)
from soct_core.registration.working_plane import registration_plane
from soct_core.simulation.image_formation import speckle

IDS = st.sets(st.integers(0, 40), min_size=1).map(lambda ids: tuple(sorted(ids)))


@pytest.mark.parametrize(
    ("planes", "voxel_um", "singles", "slab"),
    [
        (4, 50.0, (0, 1, 3), 1),
        (20, 10.0, (4, 11, 19), 3),
        # Imaged deeper than its own interval: what lies below is the next slice's.
        (40, 10.0, (4, 11, 19), 3),
        (1, 200.0, (0,), 1),
        (3, 10.0, (2,), 1),
    ],
)
def test_planes_of_the_own_depth(planes: int, voxel_um: float, singles: tuple[int, ...], slab: int) -> None:
    looked = LookedAt.of(planes, voxel_um, QualitySettings())
    assert (looked.singles, looked.slab) == (singles, slab)


def test_two_witnesses_on_each_side_and_four_at_the_ends() -> None:
    ids = tuple(range(10))
    assert sorted(witnesses(5, ids)) == [3, 4, 6, 7]
    assert sorted(witnesses(0, ids)) == [1, 2, 3, 4]
    assert witnesses(0, (0, 9)) == ()


@given(IDS)
def test_every_witness_is_compared_and_lies_among_the_surroundings(ids: tuple[int, ...]) -> None:
    pairs = set(pairs_to_compare(ids))
    for i in ids:
        found = witnesses(i, ids)
        assert len(found) <= WITNESSES
        assert all(abs(w - i) <= REACH and w != i for w in found)
        assert {(min(i, w), max(i, w)) for w in found} <= pairs
        assert {i, *found} <= set(surroundings(i, ids)) <= set(ids)


def test_a_slice_far_away_is_no_concern() -> None:
    ids = tuple(range(60))
    assert max(surroundings(0, ids)) < 15


def test_tissue_that_noise_hides_is_found_at_a_coarser_scale() -> None:
    rng = np.random.default_rng(0)
    clean = np.kron(phantom_slice()[0], np.ones((2, 2)))
    weak = 5000 + 1.5 * clean
    noisy = registration_plane(weak * speckle(weak.shape, 2.0, 0.7, rng))
    assert not noisy.tissue.any()
    wanted = registration_plane(clean).tissue
    found = tissue_of(noisy)
    assert (found & wanted).sum() / (found | wanted).sum() > 0.75


def test_agarose_has_no_tissue_at_any_scale() -> None:
    rng = np.random.default_rng(0)
    assert not tissue_of(registration_plane(1000 * speckle((300, 300), 1.0, 1.0, rng))).any()
