"""The mean of tissue: its interval holds it whether the errors of a gap go together or not."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from soct_core.stacking.tissue_mean import tissue_mean

NINETY = NormalDist().inv_cdf(0.95)
SLOT = 4
GAPS = (1, 3, 6)
RNG = np.random.default_rng(5)


def stacked() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """True intensities, labels and standard deviations of the errors of eight slots, three of them gaps."""
    truth = RNG.uniform(500, 900, (8 * SLOT, 6, 5))
    truth[:, :2] = 10.0
    labels = np.ones(truth.shape, np.uint8)
    for gap in GAPS:
        labels[gap * SLOT : (gap + 1) * SLOT] = 2
    labels[:, :, 0] = 0
    return truth, labels, np.where(labels == 2, RNG.uniform(10, 50, truth.shape), 0)


@pytest.mark.parametrize(
    ("together", "alike", "least", "most"),
    [
        ("slots", False, 0.87, 0.93),
        ("nothing", False, 0.99, 1.0),
        ("all", True, 0.87, 0.93),
        ("all", False, 0.5, 0.8),
    ],
)
def test_the_interval_holds_nine_means_of_ten_and_more_where_errors_cancel(
    together: str, alike: bool, least: float, most: float
) -> None:
    truth, labels, sigma = stacked()
    half = np.where(labels == 2, NINETY * sigma, np.nan)
    true = tissue_mean(truth, labels, half, 100.0).mean
    held = []
    for _ in range(300):
        shape = {"slots": (8, 1, 1, 1), "nothing": (8, SLOT, 6, 5), "all": (1, 1, 1, 1)}[together]
        error = np.broadcast_to(RNG.standard_normal(shape), (8, SLOT, 6, 5)).reshape(truth.shape)
        found = tissue_mean(truth + error * sigma, labels, half, 100.0, alike=alike)
        held.append(abs(found.mean - true) <= found.half_width)
    assert least <= np.mean(held) <= most


def test_what_is_counted_is_tissue_that_is_there() -> None:
    truth, labels, sigma = stacked()
    found = tissue_mean(truth, labels, np.where(labels == 2, sigma, np.nan), 100.0)
    tissue = (truth > 100) & (labels > 0)
    assert (found.voxels, found.interpolated) == (tissue.sum(), pytest.approx(3 / 8))
    assert found.mean == pytest.approx(truth[tissue].mean())
    assert found.measured == pytest.approx(truth[tissue & (labels == 1)].mean())


def test_without_half_widths_nothing_is_known_unless_all_was_measured() -> None:
    truth, labels, _ = stacked()
    assert np.isnan(tissue_mean(truth, labels, None, 100.0).half_width)
    found = tissue_mean(truth, np.ones_like(labels), None, 100.0)
    assert (found.half_width, found.mean) == (0.0, found.measured)
    assert tissue_mean(truth, labels, None, 1e6).voxels == 0
