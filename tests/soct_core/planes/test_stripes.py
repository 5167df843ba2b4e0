"""Stripes go, tissue stays."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from soct_core.planes.stripes import without_stripes

SIDE = 200
RNG = np.random.default_rng(0)
DARK = np.abs(np.arange(SIDE)[:, None] - [40, 95, 130]).min(axis=1) < 3


def tissue(depth: int = 3) -> NDArray[np.float32]:
    """Patchy tissue in a disc, (k, y, x), dark but not black around it."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    patches = ndimage.gaussian_filter(RNG.standard_normal((SIDE, SIDE)), 6)
    plane = 50 + 1000 * (np.hypot(y, x) < 0.8) * (1 + 0.5 * patches / patches.std()).clip(0.2)
    return np.stack([plane] * depth).astype(np.float32)


def evened(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    return without_stripes(plane[None].astype(np.float32))[0]


def sharp(planes: NDArray[np.float32]) -> float:
    """How far columns under a stripe lie from the columns around, as a share."""
    line = np.median(planes.mean(axis=0)[60:140], axis=0)
    return float(abs(np.log(line[DARK].mean() / ndimage.median_filter(line, 31)[DARK].mean())))


@pytest.mark.parametrize("light", [0.3, 0.6, 2.0])
@pytest.mark.parametrize("axis", [1, 2])
def test_most_of_a_stripe_goes_along_either_axis(light: float, axis: int) -> None:
    planes = tissue()
    striped = planes * np.where(DARK, np.float32(light), np.float32(1))
    back = without_stripes(np.swapaxes(striped, 1, axis) if axis == 1 else striped)
    assert sharp(striped) > 0.3
    assert sharp(back) < 0.3 * sharp(striped)


def test_the_same_light_for_all_planes() -> None:
    planes = tissue() * np.float32([[[1.0]], [[0.5]], [[2.0]]])
    ratio = without_stripes(planes) / planes
    np.testing.assert_allclose(ratio[1:], np.broadcast_to(ratio[0], ratio[1:].shape), rtol=1e-4)


def test_tissue_without_stripes_keeps_its_likeness_when_it_turns() -> None:
    plane = np.sqrt(tissue(1)[0])
    turned = [ndimage.rotate(p, 20, reshape=False, order=1) for p in (plane, np.sqrt(evened(plane**2)))]
    again = np.sqrt(evened(turned[0] ** 2))
    inside = ndimage.binary_erosion(turned[0] > 20, iterations=3)
    assert np.corrcoef(turned[1][inside], again[inside])[0, 1] > 0.9


def test_planes_without_tissue_are_left_alone() -> None:
    for planes in (np.zeros((2, 50, 50), np.float32), np.full((2, 50, 50), 7, np.float32)):
        assert (without_stripes(planes) == planes).all()


def test_what_was_not_measured_stays_and_does_not_count() -> None:
    planes = tissue()
    where = np.ones(planes.shape, bool)
    where[:, :, :60] = False
    planes[~where] = 0
    back = without_stripes(planes, where)
    assert (back[~where] == 0).all()
    assert np.isfinite(back).all()


def test_decibels_below_zero_stay_finite() -> None:
    planes = np.log10(tissue()) * 10 - 60
    back = without_stripes(planes)
    assert np.isfinite(back).all()
    assert back.min() >= planes.min() - 1e-3
