"""Figures of a slice: each answers to its own defect, the more the worse, and to no gain."""

from __future__ import annotations

import numpy as np
import pytest
from assessed_slices import phantom_slice
from scipy import ndimage

from schemas.quality import QualitySettings, SliceFigures
from soct_core.quality.measure import measure_slice
from soct_core.quality.planes import LookedAt
from soct_core.simulation.image_formation import speckle


def figures(volume: np.ndarray) -> SliceFigures:
    return measure_slice(volume, 7, LookedAt.of(len(volume), 50.0, QualitySettings()))


def test_more_blur_is_less_sharp() -> None:
    clean = phantom_slice()
    found = [figures(ndimage.gaussian_filter(clean, (0, s, s))).sharpness or 0.0 for s in (0, 1, 2, 4)]
    assert found == sorted(found, reverse=True)
    assert found[0] - found[2] > 0.3


def test_speckle_whose_grains_grow_out_of_focus_is_less_sharp() -> None:
    rng, clean = np.random.default_rng(0), phantom_slice()
    found = [
        figures(np.stack([p * speckle(p.shape, 4.0, grain, rng) for p in clean])).sharpness or 0.0
        for grain in (0.7, 1.5, 2.5)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] - found[2] > 0.7


@pytest.mark.parametrize("gain", [0.25, 0.5, 3.0])
def test_gain_is_in_the_intensity_and_nowhere_else(gain: float) -> None:
    clean, scaled = figures(phantom_slice()), figures(phantom_slice() * np.float32(gain))
    assert (scaled.log_intensity or 0) - (clean.log_intensity or 0) == pytest.approx(np.log(gain), abs=1e-4)
    assert scaled.sharpness == pytest.approx(clean.sharpness, abs=1e-3)
    assert scaled.stripes == pytest.approx(clean.stripes, abs=1e-3)
    assert scaled.tissue_fraction == pytest.approx(clean.tissue_fraction, abs=1e-3)


@pytest.mark.parametrize("axis", [0, 1])
def test_stronger_stripes_count_more(axis: int) -> None:
    rng, clean = np.random.default_rng(1), phantom_slice()
    pattern = rng.uniform(-1, 1, clean.shape[1 + axis])
    shape = [1, -1, 1] if axis == 0 else [1, 1, -1]
    found = [figures(clean * (1 + a * pattern.reshape(shape))).stripes or 0.0 for a in (0, 0.1, 0.2, 0.4)]
    assert found == sorted(found)
    assert found[-1] - found[0] > 0.6


def test_the_strongest_stripes_are_beyond_tolerance_where_there_is_little_other_detail() -> None:
    clean = phantom_slice()
    added = 0.6 * np.percentile(clean, 99) * (np.arange(clean.shape[1]) // 3 % 4 == 0)
    found = [figures(data).stripes or 0.0 for data in (clean, clean + added[None, :, None])]
    assert found[1] - found[0] > 1.2 * QualitySettings().stripes_tolerance


def test_half_the_tissue_is_half_the_area() -> None:
    clean = phantom_slice()
    half = np.where(np.arange(clean.shape[1])[:, None] < clean.shape[1] // 2, clean, clean.min())
    share = figures(half).tissue_fraction / figures(clean).tissue_fraction
    assert share == pytest.approx(0.5, abs=0.06)


def test_what_is_clipped_is_saturated() -> None:
    clean = phantom_slice()
    limits = [np.percentile(clean[clean > clean.max() / 4], q) for q in (100, 95, 80)]
    found = [figures(np.minimum(clean, limit)).saturated or 0.0 for limit in limits]
    assert found[0] < 0.001
    assert found == sorted(found)
    assert found[2] == pytest.approx(0.2, abs=0.05)


def test_a_slice_without_tissue_has_no_figures_of_tissue() -> None:
    rng = np.random.default_rng(0)
    found = figures(1000 + 20 * rng.normal(size=(4, 120, 120)))
    assert found.tissue_fraction == 0
    assert (found.log_intensity, found.sharpness, found.stripes, found.saturated) == (None,) * 4


def test_only_the_planes_looked_at_are_read() -> None:
    class Counting:
        shape, dtype = (40, 150, 180), np.dtype(np.float32)

        def __init__(self) -> None:
            self.read: set[int] = set()

        def __getitem__(self, z: int) -> np.ndarray:
            self.read.add(z)
            return phantom_slice()[0]

    volume = Counting()
    measure_slice(volume, 0, LookedAt.of(40, 10.0, QualitySettings()))
    assert volume.read == {4, 11, 19}


@pytest.mark.filterwarnings("error")
def test_voxels_that_were_not_measured_count_nowhere() -> None:
    holed = phantom_slice().copy()
    holed[:, 70:80, 60:100] = np.nan
    whole, found = figures(phantom_slice()), figures(holed)
    assert found.log_intensity == pytest.approx(whole.log_intensity, abs=0.1)
    assert 0 < found.tissue_fraction < whole.tissue_fraction
