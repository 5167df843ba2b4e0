"""Where two slices cross over: the Hann ramp, padding, and intensities matched across it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from placed_slices import interpolated, measured, stacked
from slice_voxels import DEPTH, SHAPE, constant, positive

from soct_core.affine import shift_by
from soct_core.stacking.canvas import Canvas

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")


@pytest.mark.parametrize(("blend_um", "planes"), [(50.0, 5), (30.0, 3), (10.0, 1), (200.0, 7)])
def test_slices_cross_over_on_a_hann_ramp(tmp_path: Path, blend_um: float, planes: int) -> None:
    layers = [measured(0, constant(1000, 17), 0, 10), measured(1, constant(3000, 10), 10)]
    found = stacked(tmp_path, layers, 20, blend_depth_um=blend_um)
    share = np.zeros(20)
    share[:10] = 1
    for k in range(planes):
        # Half a period of a Hann window, sampled at the middle of each plane.
        share[10 + k] = np.cos(np.pi * (k + 0.5) / (2 * planes)) ** 2
    wanted = share * 1000 + (1 - share) * 3000
    np.testing.assert_allclose(found.values[:, 20, 25], wanted, rtol=1e-6)
    assert np.ptp(found.values, axis=(1, 2)).max() == 0
    assert found.labels[:, 20, 25].tolist() == [1] * 10 + [3] * planes + [1] * (10 - planes)


@pytest.mark.parametrize("dtype", ["u2", "f4"])
def test_padding_is_never_blended(tmp_path: Path, dtype: str) -> None:
    above, below = constant(1000, 14, dtype), constant(3000, 10, dtype)
    above[:, :20], below[:, :, :30] = 0, 0
    found = stacked(tmp_path, [measured(0, above, 0, 10), measured(1, below, 10)], 20, blend_depth_um=40.0)
    ramp, labels = found.values[10:14], found.labels[10:14]
    assert np.unique(ramp[:, :20, :30]).tolist() == [0]
    assert np.unique(ramp[:, 20:, :30]).tolist() == [1000]
    assert np.unique(ramp[:, :20, 30:]).tolist() == [3000]
    both = np.zeros(SHAPE, bool)
    both[20:, 30:] = True
    assert ((ramp[:, both] > 1000) & (ramp[:, both] < 3000)).all()
    wanted = np.where(both, 3, 1)
    wanted[:20, :30] = 0
    np.testing.assert_array_equal(labels, np.broadcast_to(wanted, labels.shape))


def test_a_ramp_shows_the_slice_above_where_the_one_below_does_not_reach(tmp_path: Path) -> None:
    # The slice below lies 10 px further to the right and 5 px further down.
    layers = [
        measured(0, constant(1000, 14), 0, 10),
        measured(1, constant(3000, 10), 10, pose=shift_by(-10, -5)),
    ]
    found = stacked(tmp_path, layers, 20, blend_depth_um=40.0)
    assert found.canvas == Canvas((45, 60), (0, 0))
    above, below = np.zeros((45, 60), bool), np.zeros((45, 60), bool)
    above[:40, :50], below[5:, 10:] = True, True
    ramp, labels = found.values[10:14], found.labels[10:14]
    assert np.unique(ramp[:, above & ~below]).tolist() == [1000]
    assert np.unique(ramp[:, below & ~above]).tolist() == [3000]
    assert np.unique(ramp[:, ~above & ~below]).tolist() == [0]
    wanted = np.where(above & below, 3, np.where(above | below, 1, 0))
    np.testing.assert_array_equal(labels, np.broadcast_to(wanted, labels.shape))
    # Below the ramp the slice above has no say, not even where nobody else has.
    assert not found.values[14:, ~below].any()
    assert not found.labels[14:, ~below].any()


def test_interpolated_planes_neither_dilute_nor_are_diluted(tmp_path: Path) -> None:
    above, made, below = positive((16, *SHAPE), 1), positive((6, *SHAPE), 2), positive((8, *SHAPE), 3)
    layers = [measured(0, above, 0, DEPTH), interpolated(1, made, DEPTH), measured(2, below, 12, DEPTH)]
    found = stacked(tmp_path, layers, 18, blend_depth_um=50.0)
    np.testing.assert_array_equal(found.values, np.concatenate([above[:6], made, below[:6]]))
    np.testing.assert_array_equal(found.labels[:, 0, 0], np.repeat([1, 2, 1], 6))
    assert np.ptp(found.labels, axis=(1, 2)).max() == 0
