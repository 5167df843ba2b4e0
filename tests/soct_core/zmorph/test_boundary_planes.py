"""Which two planes across a gap are compared, and the slabs around them."""

from __future__ import annotations

import numpy as np
import pytest
from drifting_tissue import SIZE, Drift, drifting_gap, noisy, tissue_plane
from morphed_gaps import STILL, Array, agarose, settings
from scipy import ndimage

from soct_core.registration.likeness import ncc
from soct_core.zmorph import find_best_overlap_planes, interpolate_z_morph


def test_drift_and_speckle_do_not_hide_likeness() -> None:
    rng = np.random.default_rng(0)
    planes = [
        tissue_plane(Drift(shift=(8.0 * s, -8.0 * s)).at(1)) * rng.gamma(4, 1 / 4, (SIZE, SIZE))
        for s in (0, 1)
    ]
    found = find_best_overlap_planes(planes[0][None], planes[1][None], settings())
    assert found is not None
    assert found.ncc > 0.6
    assert (
        ncc(planes[0].astype(np.float32)[64:192, 64:192], planes[1].astype(np.float32)[64:192, 64:192]) < 0.3
    )


def test_the_middle_decides_which_planes_are_alike() -> None:
    # Two candidates: alike in the middle only, and alike around it, which is three times as much.
    def texture(seed: int) -> Array:
        grain = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((240, 240)), 8.0)
        plane = 1000 + 300 * grain / grain.std()
        plane[:4], plane[:, :4] = 10, 10
        return np.clip(plane, 10, None).astype(np.float32)

    wanted, other = texture(1), texture(2)
    middle = np.s_[60:180, 60:180]
    inner, outer = other.copy(), wanted.copy()
    inner[middle], outer[middle] = wanted[middle], other[middle]
    found = find_best_overlap_planes(wanted[None], np.stack([outer, inner]), settings())
    assert found is not None
    assert found.ref_after == 1


@pytest.mark.parametrize(("ref_before", "ref_after"), [(5, 0), (3, 0), (5, 2), (2, 3)])
def test_the_boundary_pair_is_the_one_that_is_most_alike(ref_before: int, ref_after: int) -> None:
    # All other planes show tissue of their own.
    before = np.stack([noisy(tissue_plane(seed=10 + z), z) for z in range(6)])
    after = np.stack([noisy(tissue_plane(seed=20 + z), z) for z in range(6)])
    before[ref_before], after[ref_after] = noisy(tissue_plane(), 50), noisy(tissue_plane(), 51)
    found = find_best_overlap_planes(before, after, settings())
    assert found is not None
    assert (found.ref_before, found.ref_after) == (ref_before, ref_after)
    assert found.ncc > 0.9


def test_planes_beyond_the_window_or_without_tissue_are_no_candidates() -> None:
    gap = drifting_gap(STILL)
    before = np.concatenate([gap.before, agarose(2)])
    found = find_best_overlap_planes(before, gap.after, settings())
    assert found is not None
    assert found.ref_before in range(3, 6)
    assert find_best_overlap_planes(before, gap.after, settings(overlap_search_window=2)) is None
    one = find_best_overlap_planes(gap.before, gap.after, settings(overlap_search_window=1))
    assert one is not None
    assert (one.ref_before, one.ref_after) == (5, 0)


def test_of_equal_pairs_the_one_nearest_the_gap_is_taken() -> None:
    same = np.repeat(noisy(tissue_plane(), 1)[None], 4, axis=0)
    found = find_best_overlap_planes(same, same, settings())
    assert found is not None
    assert (found.ref_before, found.ref_after) == (3, 0)


@pytest.mark.parametrize(
    ("size", "wanted"), [(1, ((5, 5), (0, 0))), (3, ((4, 5), (0, 1))), (50, ((0, 5), (0, 5)))]
)
def test_slabs_are_clamped_to_the_volume(size: int, wanted: tuple[tuple[int, int], tuple[int, int]]) -> None:
    gap = drifting_gap(STILL)
    narrow = settings(reference_slab_size=size, overlap_search_window=1, max_iterations=200)
    _, diagnostics = interpolate_z_morph(gap.before, gap.after, narrow, 1)
    assert (diagnostics.slab_before_range, diagnostics.slab_after_range) == wanted
