"""Tissue is found, and flat agarose is never taken for it."""

from __future__ import annotations

import numpy as np
import pytest
from disc_in_agarose import SEEDS, SHAPE, dice, disc, white
from numpy.typing import NDArray
from scipy import ndimage

from soct_core.planes.tissue import otsu_threshold, tissue_mask


def grainy(seed: int) -> NDArray[np.float32]:
    """Agarose whose noise is correlated over a pixel, of the same strength."""
    smooth = ndimage.gaussian_filter(white(seed) - 100, 1.0)
    return (100 + smooth * (10 / smooth.std())).astype(np.float32)


def slanted(seed: int) -> NDArray[np.float32]:
    """White agarose that is lit 10 % brighter on the right than on the left."""
    return (white(seed) * np.linspace(0.95, 1.05, SHAPE[1])).astype(np.float32)


@pytest.mark.parametrize("agarose", [white, grainy, slanted])
@pytest.mark.parametrize("seed", SEEDS)
def test_flat_noisy_agarose_has_no_tissue(agarose: object, seed: int) -> None:
    plane = agarose(seed)  # type: ignore[operator]
    assert tissue_mask(plane).sum() == 0


@pytest.mark.parametrize("value", [0.0, 1.0, -5.0, 1e6])
def test_a_constant_plane_has_no_tissue(value: float) -> None:
    assert tissue_mask(np.full(SHAPE, value, np.float32)).sum() == 0


@pytest.mark.parametrize("agarose", [white, grainy, slanted])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_bright_disc_is_found(agarose: object, seed: int) -> None:
    plane = agarose(seed) + np.float32(60) * disc()  # type: ignore[operator]
    mask = tissue_mask(plane)
    assert mask.dtype == bool
    assert dice(mask, disc()) > 0.95


@pytest.mark.parametrize("radius", [25.0, 50.0, 100.0])
def test_the_share_of_tissue_is_that_of_the_disc(radius: float) -> None:
    mask = tissue_mask(white(1) + np.float32(60) * disc(radius))
    assert dice(mask, disc(radius)) > 0.95
    assert mask.mean() == pytest.approx(disc(radius).mean(), rel=0.1)


@pytest.mark.parametrize("low_share", [0.2, 0.5, 0.8])
def test_otsu_parts_two_levels_between_them(low_share: float) -> None:
    values = np.where(np.arange(1000) < 1000 * low_share, 10.0, 30.0)
    assert 10 < otsu_threshold(values) < 30
