"""The stack is looked at through its pyramid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from soct_core.reportlets.stack import stack_reportlet


def test_the_stack_is_looked_at_through_its_pyramid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from placed_slices import measured, stacked

    bright = np.full((6, 210, 230), 50, dtype=np.uint16)
    bright[:, 60:150, 80:200] = 1000
    stacked(tmp_path, [measured(0, bright, 0), measured(2, (bright * 2).astype(np.uint16), 12)], 18)
    volume = tmp_path / "3d_volume.ome.zarr"
    fine = stack_reportlet(volume)
    assert fine.shape == (18, 210, 230)
    assert (fine.xz.width, fine.xz.height) == (230, 18)
    assert fine.xz_y_um == pytest.approx(105 * 4.0, abs=8)
    assert fine.yz_x_um == pytest.approx(140 * 5.0, abs=10)
    means = [plane.tissue_mean for plane in fine.profile]
    assert means[:6] == [1000] * 6
    assert means[6:12] == [None] * 6, "a gap has no tissue"
    assert means[12:] == [2000] * 6
    assert [plane.depth_um for plane in fine.profile[:2]] == [5, 15]
    monkeypatch.setattr("soct_core.reportlets.stack.MOST_VOXELS", 1)
    coarse = stack_reportlet(volume)
    assert coarse.xz.width == 115
    assert coarse.depth_um == fine.depth_um
