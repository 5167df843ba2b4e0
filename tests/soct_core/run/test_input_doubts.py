"""Doubts before anything is computed: copies, translations, unused depth, excluded sources."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.run_record import Doubt
from schemas.settings import ReconstructSettings
from soct_core.arrays import Zyx
from soct_core.run.input_doubts import input_doubts
from soct_core.run.plan import Planner
from soct_core.stages import detect_gaps, finalise_interpolation
from soct_core.volume.writing import ImageSpec, image_writer

VOXEL = (50.0, 25.0, 25.0)


def write(folder: Path, slice_id: int, depth: int = 4, origin: Zyx = (0.0, 0.0, 0.0)) -> None:
    data = np.random.default_rng(slice_id).random((depth, 16, 20), np.float32)
    spec = ImageSpec((depth, 16, 20), data.dtype, VOXEL, origin)
    with image_writer(folder / f"slice_z{slice_id:02d}.ome.zarr", spec) as (image, _):
        image.append(data)


def planned(folder: Path, voxel: Zyx | None = None, shifts: Path | None = None, **settings: Any) -> Planner:
    planner = Planner.of(folder, None, ReconstructSettings.model_validate(settings), voxel, True, shifts)
    planner.use(detect_gaps.run(planner.detect_gaps_job()))
    return planner


def doubts_of(folder: Path, *given: Any, **settings: Any) -> tuple[Doubt, ...]:
    planner = planned(folder, *given, **settings)
    return input_doubts(planner, detect_gaps.run(planner.detect_gaps_job()))


def test_a_good_acquisition_says_nothing(tmp_path: Path) -> None:
    for i in range(3):
        write(tmp_path, i, origin=(200.0 * i, 500.0, 700.0))
    assert doubts_of(tmp_path) == ()


def test_a_copied_file_is_named_wherever_it_lies(tmp_path: Path) -> None:
    for i in range(4):
        write(tmp_path, i)
    shutil.rmtree(tmp_path / "slice_z03.ome.zarr")
    shutil.copytree(tmp_path / "slice_z00.ome.zarr", tmp_path / "slice_z03.ome.zarr")
    (doubt,) = doubts_of(tmp_path)
    assert (doubt.kind, doubt.slices) == ("same_image", (0, 3))
    assert "slices 00 and 03 hold the same files, byte for byte" in doubt.sentence
    assert "03,false" in doubt.paste


def test_translations_that_differ_are_taken_as_windows_and_said(tmp_path: Path) -> None:
    for i in range(4):
        write(tmp_path, i, origin=(0.0, 500.0, 700.0 + 100.0 * (i > 1)))
    planner = planned(tmp_path)
    assert [w.offset for w in planner.space.windows.values()] == [(0, 0), (0, 0), (4, 0), (4, 0)]
    (doubt,) = doubts_of(tmp_path)
    assert (doubt.kind, doubt.slices) == ("translations", ())
    assert "windows onto one canvas of 16 x 24 px" in doubt.sentence
    # A voxel size from the command line says that the files do not know their own.
    (doubt,) = doubts_of(tmp_path, VOXEL)
    assert "not used with --voxel-size-um" in doubt.sentence


def test_shifts_win_over_translations_and_that_is_said(tmp_path: Path) -> None:
    for i in range(2):
        write(tmp_path, i, origin=(0.0, 500.0, 700.0 + 100.0 * i))
    shifts = tmp_path / "shifts_xy.csv"
    shifts.write_text("fixed_id,moving_id,x_shift,y_shift,x_shift_mm,y_shift_mm\n0,1,-2,0,,\n")
    planner = planned(tmp_path, None, shifts)
    assert [w.offset for w in planner.space.windows.values()] == [(0, 0), (2, 0)]
    (doubt,) = doubts_of(tmp_path, None, shifts)
    assert "shifts_xy.csv was used instead" in doubt.sentence


def test_a_slice_without_a_translation_among_others_is_named(tmp_path: Path) -> None:
    for i in range(4):
        write(tmp_path, i, origin=(0.0, 0.0, 0.0) if i == 2 else (0.0, 500.0, 700.0))
    (doubt,) = doubts_of(tmp_path)
    assert doubt.slices == (2,)
    assert "slices 02 lie at 0, 0: do they say none?" in doubt.sentence


def test_z_that_contradicts_the_slots_is_said_with_the_interval_that_fits(tmp_path: Path) -> None:
    for i in range(3):
        write(tmp_path, i, origin=(300.0 * i, 0.0, 0.0))
    (doubt,) = doubts_of(tmp_path)
    assert (doubt.kind, doubt.slices) == ("translations", (1, 2))
    assert doubt.paste == "--set slicing_interval_um=300"
    assert doubts_of(tmp_path, slicing_interval_um=300.0) == ()


@pytest.mark.parametrize(("lost", "um"), [((1,), 100), ((1, 2), 100)])
def test_depth_imaged_beyond_a_gap_is_said(tmp_path: Path, lost: tuple[int, ...], um: int) -> None:
    for i in range(5):
        if i not in lost:
            write(tmp_path, i, depth=6)
    (doubt,) = doubts_of(tmp_path)
    assert (doubt.kind, doubt.slices) == ("unused_depth", (1,))
    assert f"measured data reach {um} µm into gap 01" in doubt.sentence
    assert doubt.paste == "--set usable_depth_um=300"
    assert doubts_of(tmp_path, usable_depth_um=300.0) == ()


@pytest.mark.parametrize("bad", [1, 3])
def test_an_auto_excluded_slice_is_no_source_of_a_morph(tmp_path: Path, bad: int) -> None:
    for i in (0, 1, 3, 4, 6):
        write(tmp_path, i)
    rows = "".join(f"{i},{str(i == bad).lower()}\n" for i in (0, 1, 3, 4, 6))
    (tmp_path / "slice_config.csv").write_text(f"slice_id,auto_excluded\n{rows}")
    planner = planned(tmp_path)
    found = detect_gaps.run(planner.detect_gaps_job())
    assert found.gaps.single == (2, 5)
    # It stays in the volume; the other gap is filled.
    assert bad in planner.measured
    assert [name for name, _ in planner.interpolation_jobs(found)] == ["interpolate z05"]
    (doubt,) = input_doubts(planner, found)
    assert (doubt.kind, doubt.slices) == ("excluded_source", (2, bad))
    trail = finalise_interpolation.run(planner.finalise_job(found, []))
    note = f"not interpolated, for neighbour {bad:02d} is auto_excluded"
    assert f"02,false,,,,,,,,,,,,{note}" in trail.path.read_text() or note in trail.path.read_text()
    again = planner.finalise_job(found, []).model_copy(
        update={"config": trail.path, "output": tmp_path / "again"}
    )
    assert finalise_interpolation.run(again).path.read_text().count(note) == 1
