"""A viewer opens at tissue, in the light of tissue."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flows.view.first_sight import contrast, fullest_plane
from soct_core.report.viewer_layers import ViewerLayer


def test_it_opens_where_there_is_tissue_in_the_light_of_tissue() -> None:
    disc = np.hypot(*np.mgrid[-32:32, -32:32]) < 20
    noise = np.random.default_rng(0).normal(100, 5, (40, 64, 64))
    # Tissue in few planes, and one bright speck that is none.
    noise[30:34] += 900 * disc
    noise[0, 0, 0] = 60000
    levels, origin = (noise, noise[::2, ::2, ::2]), (1000.0, 0.0, 0.0)
    layer = ViewerLayer("volume", "volume", levels, (10.0, 5.0, 5.0), origin, Path())
    depth_um, plane = fullest_plane(layer)
    assert 1300 <= depth_um <= 1330
    dark, bright = contrast(plane)
    assert 80 < dark < 120
    assert 990 < bright < 1030


def test_tissue_in_decibels_is_found_too() -> None:
    disc = np.hypot(*np.mgrid[-32:32, -32:32]) < 20
    noise = np.random.default_rng(0).normal(-60, 2, (12, 64, 64))
    noise[9] += 40 * disc
    layer = ViewerLayer("volume", "volume", (noise,), (10.0, 5.0, 5.0), (0.0, 0.0, 0.0), Path())
    assert fullest_plane(layer)[0] == 90.0
