"""The plan: which jobs a run has, on which planes and windows, and what its trail says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shifts_files import write_shifts

from schemas.handoffs import DetectedGaps, InterpolationOutcome
from schemas.run_record import GapRecord
from schemas.settings import PairwiseSettings, ReconstructSettings
from soct_core import slice_config
from soct_core.run.input_warnings import input_warnings
from soct_core.run.plan import Planner
from soct_core.stages import interpolate_missing_slice
from soct_core.volume.writing import write_image

VOXEL = (50.0, 25.0, 20.0)
"""Four planes a slot of 200 µm."""


def acquisition_of(folder: Path, depths: Mapping[int, int], shape: tuple[int, int] = (24, 30)) -> Path:
    """Slices of noise with so many planes each."""
    rng = np.random.default_rng(0)
    for slice_id, nz in depths.items():
        data = rng.integers(1, 1000, (nz, *shape)).astype(np.uint16)
        write_image(folder / f"slice_z{slice_id:02d}.ome.zarr", data, VOXEL)
    return folder


def planner_of(folder: Path, shifts: Path | None = None, **settings: Any) -> Planner:
    """A planner with the defaults but for some settings."""
    return Planner.of(folder, None, ReconstructSettings.model_validate(settings), None, False, shifts)


def found_by(planner: Planner, *single: int) -> DetectedGaps:
    """What gap detection would hand to the planner."""
    return DetectedGaps(
        used=planner.measured, excluded=(), gaps=GapRecord(single=tuple(single), multi=((6, 7),))
    )


@pytest.mark.parametrize(
    ("usable_um", "nz_before", "missing", "usable"),
    [
        pytest.param(None, 4, 4, 4, id="one slot"),
        pytest.param(None, 12, 4, 4, id="imaged deeper than trusted"),
        pytest.param(300.0, 12, 2, 6, id="half covered"),
        pytest.param(400.0, 7, 1, 7, id="covered but for one plane"),
        pytest.param(400.0, 8, 0, 8, id="just covered"),
        pytest.param(500.0, 12, -2, 10, id="more than covered"),
    ],
)
def test_what_is_missing_in_a_gap_is_filled_right_below_the_trusted_data(
    tmp_path: Path, usable_um: float | None, nz_before: int, missing: int, usable: int
) -> None:
    folder = acquisition_of(tmp_path / "mouse", {0: 4, 1: nz_before, 3: 4})
    planner = planner_of(folder, usable_depth_um=usable_um)
    ((name, job),) = planner.interpolation_jobs(found_by(planner, 2))
    assert name == "interpolate z02"
    assert (job.output_z, job.usable_before) == (missing, usable)
    assert (job.before.name, job.after.name) == ("slice_z01.ome.zarr", "slice_z03.ome.zarr")
    if missing > 0:
        return
    before = sorted(tmp_path.rglob("*"))
    outcome = interpolate_missing_slice.run(job)
    assert outcome.result == "already_covered"
    assert (outcome.volume, outcome.fragment, outcome.reason) == (None, None, None)
    assert sorted(tmp_path.rglob("*")) == before
    trail = planner.finalise_job(found_by(planner, 2), [outcome])
    assert "already covered" in trail.notes[2]
    assert trail.fragments == ()
    assert all("2 slices" in trail.notes[i] for i in (6, 7))


def test_nothing_is_interpolated_when_disabled(tmp_path: Path) -> None:
    folder = acquisition_of(tmp_path / "mouse", {0: 4, 2: 4})
    planner = planner_of(folder, interpolation={"enabled": False})
    assert planner.interpolation_jobs(found_by(planner, 1)) == []


def test_pairs_lie_as_deep_below_each_other_as_their_slots(tmp_path: Path) -> None:
    # 210 µm a slot: 4.2 planes, so that tops are rounded one by one.
    folder = acquisition_of(tmp_path / "mouse", {3: 5, 4: 5, 6: 5, 9: 5})
    table = slice_config.from_ids([3, 4, 6, 9])
    table.loc[table["slice_id"] == 6, "auto_excluded"] = True
    slice_config.write(folder / "slice_config.csv", table)
    planner = planner_of(folder, slicing_interval_um=210.0)
    made = InterpolationOutcome(slice_id=5, result="interpolated", volume=tmp_path / "made.ome.zarr")
    skipped = InterpolationOutcome(slice_id=7, result="hard_skip", reason="low_overlap_ncc")
    jobs = dict(planner.pair_jobs([made, skipped]))
    # Tops at 0, 4.2, 12.6 and 25.2 planes.
    assert {name: (job.offset, job.role, job.touches_interpolated) for name, job in jobs.items()} == {
        "register z03-z04": (4.0, "neighbours", False),
        "register z04-z05": (4.0, "neighbours", True),
        "register z05-z06": (5.0, "neighbours", True),
        "register z06-z09": (12.0, "neighbours", False),
        "register z04-z09": (21.0, "bridge", False),
    }
    assert jobs["register z04-z05"].moving == tmp_path / "made.ome.zarr"
    assert jobs["register z04-z05"].settings == PairwiseSettings()


def test_pairs_wait_for_a_slice_that_is_still_to_be_interpolated(tmp_path: Path) -> None:
    folder = acquisition_of(tmp_path / "mouse", {0: 4, 1: 4, 3: 4, 4: 4})
    planner = planner_of(folder)
    made = InterpolationOutcome(slice_id=2, result="interpolated", volume=tmp_path / "m.ome.zarr")
    before, after = dict(planner.pair_jobs([], pending={2})), dict(planner.pair_jobs([made]))
    assert after.keys() - before.keys() == {"register z01-z02", "register z02-z03"}
    # The same jobs: what was done while slice 2 was pending need not be done again.
    assert before == {name: after[name] for name in before}


def test_windows_reach_every_job_that_reads_a_measured_slice(tmp_path: Path) -> None:
    folder = acquisition_of(tmp_path / "mouse", {0: 4, 1: 4, 3: 4})
    shifts = write_shifts(folder, {(0, 1): (3.0, -2.0), (1, 2): (1.25, 0.0), (2, 3): (1.0, 0.0)}, mm=False)
    planner = planner_of(folder, shifts)
    assert {i: w.offset for i, w in planner.space.windows.items()} == {0: (5, 0), 1: (2, 2), 3: (0, 2)}
    ((_, job),) = planner.interpolation_jobs(found_by(planner, 2))
    assert (job.window_before, job.window_after) == (planner.space.windows[1], planner.space.windows[3])
    made = InterpolationOutcome(slice_id=2, result="interpolated", volume=tmp_path / "m.ome.zarr")
    jobs = dict(planner.pair_jobs([made]))
    # An interpolated slice lies on the canvas already.
    assert jobs["register z01-z02"].window_fixed == planner.space.windows[1]
    assert jobs["register z01-z02"].window_moving is None
    assert jobs["register z01-z03"].window_moving == planner.space.windows[3]
    assert planner.stack_job(tmp_path / "final.csv", [made], []).windows == planner.space.windows
    assert input_warnings(planner, found_by(planner)) == (
        "slices 06, 07 are missing in a row: not interpolated, left as a gap",
    )
    unasked = input_warnings(planner_of(folder), found_by(planner))
    assert [("shifts_xy.csv" in w, "--shifts" in w) for w in unasked] == [(False, False), (True, True)]


def test_a_gap_that_any_slice_above_covers_is_covered(tmp_path: Path) -> None:
    # Slice 2 is short; slice 1 is trusted through slots 2 and 3.
    folder = acquisition_of(tmp_path / "mouse", {0: 4, 1: 14, 2: 2, 4: 4})
    planner = planner_of(folder, usable_depth_um=600.0)
    ((_, job),) = planner.interpolation_jobs(found_by(planner, 3))
    assert job.output_z == 0
    planner = planner_of(folder, usable_depth_um=400.0)
    ((_, job),) = planner.interpolation_jobs(found_by(planner, 3))
    assert job.output_z > 0


def test_the_trail_says_why_a_gap_was_not_tried(tmp_path: Path) -> None:
    folder = acquisition_of(tmp_path / "mouse", {0: 4, 1: 4, 3: 4})
    planner = planner_of(folder, interpolation={"enabled": False})
    notes = planner.finalise_job(found_by(planner, 2), []).notes
    assert notes[2] == "missing; interpolation is switched off"
    assert 2 not in planner_of(folder).finalise_job(found_by(planner, 2), []).notes
