"""How anatomy moves with depth: measured where it can be told, and not said where it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from counting_volume import CountingVolume
from deep_tissue import CENTER, SHAPE, Specimen, agarose_slice, rms_apart
from registered_pairs import settings

from soct_core.affine import Affine2D
from soct_core.pairwise.anatomy import AnatomyRate, anatomy_rate, mean_rate


@pytest.mark.parametrize(
    ("specimen", "wanted"),
    [
        (Specimen(drift=(0.4, -0.25), fades=False), (0.4, -0.25, 0.0)),
        (Specimen(drift=(-0.6, 0.0), fades=False), (-0.6, 0.0, 0.0)),
        (Specimen(turn_deg=0.15, fades=False), (0.0, 0.0, 0.15)),
        (Specimen(fades=False), (0.0, 0.0, 0.0)),
    ],
)
def test_the_motion_of_anatomy_is_measured_per_plane(
    specimen: Specimen, wanted: tuple[float, float, float]
) -> None:
    volume = CountingVolume(specimen.slice_at(range(7)))
    rate = anatomy_rate(volume, 1, 5, settings())
    assert set(volume.planes) == {1, 5}
    assert rate is not None
    np.testing.assert_allclose((rate.x, rate.y), wanted[:2], atol=0.02)
    assert rate.rotation_deg == pytest.approx(wanted[2], abs=0.02)
    # deeper(A(x)) ~ shallower(x).
    over = rate.over(7, CENTER)
    assert rms_apart(over, Affine2D.rigid(7 * wanted[2], (7 * wanted[0], 7 * wanted[1]), CENTER)) < 0.3


def test_nothing_is_said_of_anatomy_where_nothing_can_be_told() -> None:
    volume = Specimen().slice_at(range(6))
    assert anatomy_rate(volume, 3, 3, settings()) is None
    assert anatomy_rate(volume, 4, 3, settings()) is None
    assert anatomy_rate(agarose_slice(6, 0), 0, 5, settings()) is None
    assert anatomy_rate(np.zeros((6, *SHAPE)), 0, 5, settings()) is None
    # Planes that have nothing to do with each other.
    volume[5] = Specimen(1).slice_at([5])[0]
    assert anatomy_rate(volume, 0, 5, settings()) is None


def test_the_mean_rate_leaves_out_what_is_not_known() -> None:
    a, b = AnatomyRate(0.2, -0.4, 0.1), AnatomyRate(0.4, 0.0, -0.3)
    mean = mean_rate([a, None, b])
    assert mean is not None
    assert (mean.x, mean.y, mean.rotation_deg) == pytest.approx((0.3, -0.2, -0.1))
    assert mean_rate([None, a]) == a
    assert mean_rate([None, None]) is None
