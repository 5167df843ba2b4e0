"""Feathers and cross-fades: weights known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from soct_core.zmorph.cross_fade import cross_fade, feather


def test_a_feather_is_1_on_tissue_and_falls_with_the_distance() -> None:
    tissue = np.zeros((5, 60), bool)
    tissue[:, :20] = True
    weight = feather(tissue)
    assert (weight[tissue] == 1).all()
    assert (np.diff(weight[2, 19:]) <= 0).all()
    assert weight[2, 20] > weight[2, 30] > 0
    assert (feather(np.zeros((4, 4), bool)) == 1).all()


@pytest.mark.parametrize(
    ("alpha", "weights", "wanted"),
    [
        (0.25, (1, 1), 12.5),
        (0.5, (1, 0), 10.0),
        (0.5, (0, 1), 20.0),
        (0.5, (0, 0), -7.0),
        (0.5, (0.25, 0.75), 17.5),
    ],
)
def test_a_cross_fade_of_known_weights(alpha: float, weights: tuple[float, float], wanted: float) -> None:
    ten, twenty = np.full((2, 3), 10.0), np.full((2, 3), 20.0)
    before, after = (np.full((2, 3), w) for w in weights)
    np.testing.assert_allclose(cross_fade(alpha, (ten, twenty), (before, after), background=-7.0), wanted)
