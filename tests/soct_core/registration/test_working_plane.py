"""Planes made ready to register: bad voxels, hot voxels and speckle do not mislead."""

from __future__ import annotations

import numpy as np
import pytest
from disc_in_agarose import SEEDS, SHAPE, dice, disc, white
from stored_image import SIZE

from soct_core.registration.working_plane import registration_plane
from soct_core.simulation.phantom import Phantom, PhantomVolume


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("looks", [1, 4])
def test_agarose_under_speckle_has_no_tissue(seed: int, looks: int) -> None:
    # Fully developed speckle is as strong as its mean; averaging looks weakens it.
    speckle = np.random.default_rng(seed).gamma(looks, 100 / looks, SHAPE)
    assert registration_plane(speckle).tissue_fraction == 0


def test_single_hot_voxels_do_not_hide_the_disc() -> None:
    plane = white(2) + np.float32(60) * disc()
    plane[::60, ::60] = 1e5
    # In a real plane they are clipped first, which is part of making it ready.
    assert dice(registration_plane(plane).tissue, disc()) > 0.95


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_spoiled_plane_does_not_spoil_its_slab(bad: float) -> None:
    slab = np.asarray(PhantomVolume(Phantom.seeded(3), (3, 128, 144), SIZE)[:]).astype(np.float32)
    spoiled = slab.copy()
    spoiled[1] = bad
    found = registration_plane(spoiled)
    np.testing.assert_array_equal(found.image, registration_plane(slab[[0, 2]]).image)


def test_what_was_not_measured_is_no_dark_hole_of_the_anatomy() -> None:
    plane = np.random.default_rng(0).uniform(400, 500, (64, 64)).astype(np.float32)
    plane[20:40, 20:40] = np.nan
    image = registration_plane(plane, 1).image
    assert image[20:40, 20:40].min() > 0.9 * np.sqrt(400)
