"""What is valid and yet hardly meant is said, a line each; what is fine is not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from tiny_slices import small_acquisition

from schemas.handoffs import DetectedGaps
from schemas.run_record import GapRecord
from schemas.settings import ReconstructSettings
from soct_core.errors import AcquisitionError
from soct_core.run.input_warnings import input_warnings
from soct_core.run.plan import Planner

VOXEL = (50.0, 25.0, 25.0)


def doubts_of(
    acquisition: Path, voxel_size_um: tuple[float, float, float] | None = None, **settings: Any
) -> tuple[str, ...]:
    planner = Planner.of(
        acquisition, None, ReconstructSettings.model_validate(settings), voxel_size_um, allow_missing=True
    )
    return input_warnings(planner, DetectedGaps(used=planner.measured, excluded=(), gaps=GapRecord()))


@pytest.fixture
def mouse(tmp_path: Path) -> Path:
    """Slices 00, 01 and 03."""
    acquisition = small_acquisition(tmp_path / "mouse")
    (acquisition / "slice_z02.ome.zarr").rename(acquisition / "slice_z03.ome.zarr")
    return acquisition


def test_longer_gaps_and_absent_chunks_are_said(mouse: Path) -> None:
    (mouse / "slice_z01.ome.zarr" / "0" / "c" / "0" / "0" / "0").unlink()
    planner = Planner.of(mouse, None, ReconstructSettings(), None, allow_missing=True)
    found = DetectedGaps(used=planner.measured, excluded=(), gaps=GapRecord(multi=((4, 5), (8, 9, 10))))
    said = input_warnings(planner, found)
    assert said[:2] == (
        "slices 04, 05 are missing in a row: not interpolated, left as a gap",
        "slices 08, 09, 10 are missing in a row: not interpolated, left as a gap",
    )
    assert len(said) == 3
    assert said[2].startswith("chunks are not in the files of slices 01 (1 of 1): ")


def test_an_acceptance_of_what_is_no_gap_is_named(mouse: Path) -> None:
    assert doubts_of(mouse, accept=[1, 8]) == (
        "accept names 01, 08: no single gap, so that nothing is accepted",
    )


def test_there_is_nothing_to_say_of_what_is_fine(mouse: Path) -> None:
    assert doubts_of(mouse) == ()
    assert doubts_of(mouse, VOXEL) == ()
    assert doubts_of(mouse, stack={"pyramid_um": [10, 100]}) == ()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("00,true", ""),
        ("04,false\n05,false", ""),
        ("05,false", "has rows for 05, far from the slices that there are (00 to 03); mistyped?"),
        ("02,false\n04,false\n51,false\n77,false", "has rows for 51, 77, far from"),
    ],
)
def test_a_row_far_from_all_slices_is_doubted(mouse: Path, rows: str, said: str) -> None:
    (mouse / "slice_config.csv").write_text(f"slice_id,use\n{rows}\n")
    found = doubts_of(mouse)
    assert len(found) == bool(said)
    assert said in "".join(found)


def test_a_row_far_before_the_first_slice_is_doubted(mouse: Path) -> None:
    for old, new in ((3, 40), (1, 38), (0, 37)):
        (mouse / f"slice_z{old:02d}.ome.zarr").rename(mouse / f"slice_z{new}.ome.zarr")
    (mouse / "slice_config.csv").write_text("slice_id,use\n36,false\n7,false\n")
    assert [d.partition(",")[0] for d in doubts_of(mouse)] == ["slice_config.csv: has rows for 07"]


def test_a_column_that_is_nearly_ours_is_doubted(mouse: Path) -> None:
    (mouse / "slice_config.csv").write_text("slice_id,used\n01,false\n")
    (doubt,) = doubts_of(mouse)
    assert doubt.startswith("slice_config.csv: column 'used' has no meaning")


@pytest.mark.parametrize("name", ["slice_02.ome.zarr", "Slice_z02.ome.zarr", "slice_z02.zarr"])
def test_a_slice_of_a_wrong_name_is_named(mouse: Path, name: str) -> None:
    shutil.copytree(mouse / "slice_z01.ome.zarr", mouse / name)
    shutil.copytree(mouse / "slice_z01.ome.zarr", mouse / "slice_z02_interpolated.ome.zarr")
    shutil.copytree(mouse / "slice_z01.ome.zarr", mouse / "overview.ome.zarr")
    assert doubts_of(mouse) == (f"not used, for it is not named slice_z{{NN}}.ome.zarr: {name}",)
    for path in mouse.glob("slice_z0?.ome.zarr"):
        shutil.rmtree(path)
    with pytest.raises(AcquisitionError, match=f"only {name}"):
        doubts_of(mouse)


def test_a_voxel_size_that_the_files_contradict_is_doubted(mouse: Path) -> None:
    (doubt,) = doubts_of(mouse, (40.0, 25.0, 25.0))
    assert doubt == (
        "voxels are taken to be 40 x 25 x 25 µm as you said, but slice_z00.ome.zarr says 50 x 25 x 25"
    )


def test_one_slice_that_contradicts_the_voxel_size_is_enough(mouse: Path) -> None:
    metadata = mouse / "slice_z00.ome.zarr" / "zarr.json"
    metadata.write_text(metadata.read_text().replace('"unit"', '"units"'))
    (doubt,) = doubts_of(mouse, (40.0, 25.0, 25.0))
    assert doubt.endswith("slice_z01.ome.zarr says 50 x 25 x 25")


def test_slots_far_deeper_than_slices_are_doubted(mouse: Path) -> None:
    assert doubts_of(mouse, slicing_interval_um=400.0) == ()
    (doubt,) = doubts_of(mouse, slicing_interval_um=401.0)
    assert doubt == "slices are 200 µm deep, but slots 401: is slicing_interval_um right?"


def test_a_pyramid_of_no_level_is_doubted(mouse: Path) -> None:
    (doubt,) = doubts_of(mouse, stack={"pyramid_um": [10, 50]})
    assert "no size in stack.pyramid_um (10, 50) is coarser than the voxels (50 µm)" in doubt
