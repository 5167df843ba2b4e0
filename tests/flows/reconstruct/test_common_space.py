"""Slices cut out of one volume at known stage positions become that volume again."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from flows_acquisitions import SIZE, textured_volume

from schemas.settings import InterpolationSettings, ReconstructSettings
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from soct_core.volume import open_volume
from soct_core.volume.writing import write_image

DEPTH = 5
POSITIONS = {0: (12, 7), 1: (9, 12), 2: (15, 4), 4: (6, 6), 5: (11, 10)}
"""Stage position (x, y) of each slice within the volume, in pixels; slice 3 is lost."""
CUT = 150
EXCLUDED = {3: (20, 0)}


def cut_at(positions: dict[int, tuple[int, int]], volume: np.ndarray, acquisition: Path) -> None:
    for slice_id, (x, y) in positions.items():
        data = volume[slice_id * DEPTH : (slice_id + 1) * DEPTH, y : y + CUT, x : x + CUT]
        write_image(acquisition / f"slice_z{slice_id:02d}.ome.zarr", data, SIZE)


def shifts_text(positions: dict[int, tuple[int, int]], *, in_mm: bool = True) -> str:
    """One row a link, the lost slice in the chain; pixel columns are wrong where mm are given."""
    ids = sorted(positions)
    rows = ["fixed_id,moving_id,x_shift,y_shift,x_shift_mm,y_shift_mm"]
    for fixed, moving in itertools.pairwise(ids):
        dx, dy = (a - b for a, b in zip(positions[fixed], positions[moving], strict=True))
        mm = f"{dx * SIZE[2] / 1000},{dy * SIZE[1] / 1000}" if in_mm else ","
        rows.append(f"{fixed},{moving},{999 if in_mm else dx},{999 if in_mm else dy},{mm}")
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("in_mm", [True, False])
def test_known_stage_positions_rebuild_the_volume(tmp_path: Path, reconstruct, in_mm: bool) -> None:
    volume = textured_volume((6 * DEPTH, 180, 180))
    acquisition = tmp_path / "mouse"
    cut_at(POSITIONS, volume, acquisition)
    (acquisition / "shifts_xy.csv").write_text(shifts_text(POSITIONS | EXCLUDED, in_mm=in_mm))
    settings = ReconstructSettings(interpolation=InterpolationSettings(enabled=False))
    result = reconstruct(acquisition=acquisition, shifts=acquisition / "shifts_xy.csv", settings=settings)

    table = STACKING_DECISIONS.read(result.stack.decisions).set_index("slice_id").loc[list(POSITIONS)]
    assert table["pose_translation_x_px"].abs().max() < 0.25
    assert table["pose_translation_y_px"].abs().max() < 0.25
    assert table["pose_rotation_deg"].abs().max() < 0.4
    stacked = open_volume(result.stack.volume)
    low = np.min(list(POSITIONS.values()), axis=0)
    for slice_id, (x, y) in POSITIONS.items():
        z = slice_id * DEPTH + 2
        truth = volume[z].astype(float)
        found = np.asarray(stacked[z]).astype(float)
        top, left = (stacked.shape[1] - _span(1)) // 2, (stacked.shape[2] - _span(0)) // 2
        inner = found[top + y - low[1] + 10 :, left + x - low[0] + 10 :][: CUT - 20, : CUT - 20]
        expected = truth[y + 10 : y + CUT - 10, x + 10 : x + CUT - 10]
        assert np.corrcoef(inner.ravel(), expected.ravel())[0, 1] > 0.98


def _span(axis: int) -> int:
    values = [p[axis] for p in POSITIONS.values()]
    return max(values) - min(values) + CUT


def test_shifts_that_merely_lie_there_are_mentioned_and_not_used(tmp_path: Path, reconstruct) -> None:
    volume = textured_volume((3 * DEPTH, 160, 160))
    acquisition = tmp_path / "mouse"
    cut_at(dict.fromkeys(range(3), (5, 5)), volume, acquisition)
    (acquisition / "shifts_xy.csv").write_text(shifts_text({0: (0, 0), 1: (90, 90), 2: (0, 0)}))
    result = reconstruct(acquisition=acquisition)
    assert any("shifts_xy.csv" in w and "--shifts" in w for w in result.warnings)
    assert result.stack.shape[1] < CUT + 10


def test_a_gap_is_filled_on_the_common_canvas(tmp_path: Path, reconstruct) -> None:
    volume = textured_volume((6 * DEPTH, 180, 180))
    acquisition = tmp_path / "mouse"
    cut_at(POSITIONS, volume, acquisition)
    (acquisition / "shifts_xy.csv").write_text(shifts_text(POSITIONS | EXCLUDED))
    result = reconstruct(acquisition=acquisition, shifts=acquisition / "shifts_xy.csv")
    (outcome,) = result.interpolations
    assert outcome.result == "interpolated"
    made = open_volume(outcome.volume)
    assert made.shape == (DEPTH, _span(1), _span(0))
    truth = volume[3 * DEPTH + 2].astype(float)
    low = np.min(list(POSITIONS.values()), axis=0)
    inner = np.asarray(made[2])[20:-20, 20:-20].astype(float)
    expected = truth[low[1] + 20 :, low[0] + 20 :][: inner.shape[0], : inner.shape[1]]
    assert np.corrcoef(inner.ravel(), expected.ravel())[0, 1] > 0.95
