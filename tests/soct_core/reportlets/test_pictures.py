"""Pictures keep what they show, within their bytes."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from report_pictures import disc, image_of

from soct_core.reportlets.pictures import grey_window, picture


def test_a_picture_keeps_what_it_shows_and_its_size() -> None:
    plane = np.where(disc(40), 900.0, 100.0)
    shown = picture(plane, grey_window(plane))
    assert (shown.height, shown.width) == plane.shape
    assert np.abs(image_of(shown) - np.where(disc(40), 255.0, 0.0)).mean() < 4


@pytest.mark.parametrize("most", [3_000, 10_000])
def test_a_picture_never_outgrows_its_bytes(most: int) -> None:
    noise = np.random.default_rng(0).gamma(1.0, 1.0, (900, 700))
    shown = picture(noise, grey_window(noise), max_bytes=most)
    assert len(base64.b64decode(shown.webp)) <= most
    assert shown.width / shown.height == pytest.approx(7 / 9, rel=0.03)


def test_pictures_bear_planes_without_contrast_or_numbers() -> None:
    for plane in (np.zeros((20, 30)), np.full((20, 30), np.nan)):
        assert picture(plane, grey_window(plane)).width == 30
