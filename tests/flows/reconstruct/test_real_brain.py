"""The real brain, cut into drifting slices with known gaps, from simulation to volume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

from flows.simulate import main as simulate
from schemas.settings import ReconstructSettings
from schemas.simulation import SimulationTruth
from soct_core import slice_config
from soct_core.affine import plane_center
from soct_core.pairwise.files import read_pair
from soct_core.simulation.simulate import pose_of
from soct_core.stacking.pair_motions import pair_motions
from soct_core.volume import open_volume

SLICES, DEPTH = 24, 4


@pytest.mark.realdata
def test_real_brain_from_slices_to_volume(real_brain: Path, tmp_path: Path, reconstruct) -> None:
    acquisition = tmp_path / "brain"
    arguments = ["--reference", str(real_brain), "--slices", str(SLICES), "--missing", "6,12,13,18"]
    assert simulate([str(acquisition), *arguments, "--drift-deg", "1", "--drift-px", "3"]) == 0
    result = reconstruct(acquisition=acquisition, settings=ReconstructSettings())

    assert result.gaps.single == (6, 18)
    assert result.gaps.multi == ((12, 13),)
    assert {o.slice_id: o.result for o in result.interpolations} == {6: "interpolated", 18: "interpolated"}
    assert any("12, 13" in warning for warning in result.warnings)
    trail = slice_config.read(result.output / "slice_config_final.csv").set_index("slice_id")
    assert trail["interpolated"].fillna(False).sum() == 2

    volume = open_volume(result.stack.volume)
    assert volume.shape[0] == SLICES * DEPTH
    assert volume.dtype == np.uint16
    label = zarr.open_group(result.stack.volume, mode="r")["labels/provenance/0"][...]
    by_slot = [set(np.unique(label[i * DEPTH : (i + 1) * DEPTH])) - {0} for i in range(SLICES)]
    assert [i for i, kinds in enumerate(by_slot) if kinds == {2}] == [6, 18]
    assert [i for i, kinds in enumerate(by_slot) if not kinds] == [12, 13]
    assert all(kinds == {1} for i, kinds in enumerate(by_slot) if i not in (6, 12, 13, 18))

    truth = SimulationTruth.model_validate_json((acquisition / "truth.json").read_bytes())
    true = {s.slice_id: pose_of(s) for s in truth.slices}
    errors = [
        _pair_error(pair, true, volume.shape[1:])
        for pair in pair_motions([read_pair(p.directory) for p in result.pairs])
        if pair.moving_id - pair.fixed_id == 1 and pair.weight > 0
    ]
    assert len(errors) == SLICES - 1 - 2 * 2 - 3
    assert np.median(errors) < 0.15
    assert max(errors) < 1.0


def _pair_error(pair, true, shape: tuple[int, int]) -> float:
    """RMS distance of a pair's motion from the drift that was put in, over a grid of points."""
    center = plane_center(shape)
    y, x = np.mgrid[20:180:20, 20:250:20]
    points = np.column_stack((x.ravel(), y.ravel())).astype(float)
    drift = true[pair.moving_id].compose(true[pair.fixed_id].inverse()).about(center)
    return float(np.sqrt(((pair.motion.apply(points) - drift.apply(points)) ** 2).sum(axis=1).mean()))
