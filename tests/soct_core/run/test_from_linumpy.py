"""What linumpy publishes is taken as it lies there."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from linumpy_files import EXAMPLE_CONFIG, VOXEL_UM, acquisition, write_slice

from flows.interpolate import parser as interpolate_parser
from flows.reconstruct.__main__ import main, parser
from flows.terminal.reading import voxel_size
from schemas.settings import ReconstructSettings
from soct_core import slice_config
from soct_core.acquisition.slices import find_acquisition
from soct_core.errors import AcquisitionError
from soct_core.run.input_warnings import input_warnings
from soct_core.run.plan import Planner
from soct_core.stages import detect_gaps


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return acquisition(tmp_path_factory.mktemp("bring_to_common_space"))


def test_lost_units_are_told_with_the_remedy(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(published)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "slice_z01_normalize.ome.zarr: scale 1 and no unit, as some versions of ome-zarr write" in line
    assert "give --voxel-size-um Z Y X" in line


@pytest.mark.parametrize("with_shifts", [True, False])
def test_with_the_voxel_size_everything_is_planned(published: Path, with_shifts: bool) -> None:
    shifts = published / "shifts_xy.csv" if with_shifts else None
    planner = Planner.of(published, None, ReconstructSettings(), VOXEL_UM, False, shifts)
    found = detect_gaps.run(planner.detect_gaps_job())
    assert (tuple(planner.volumes), found.gaps.single) == ((1, 3), (2,))
    assert planner.volumes[1].voxel_size_um == VOXEL_UM
    said = " ".join(input_warnings(planner, found))
    assert ("shifts_xy.csv lies in the acquisition and was not used" in said) != with_shifts
    assert "exclude_reason" not in said
    assert [name for name, _ in planner.interpolation_jobs(found)] == ["interpolate z02"]


def test_its_columns_survive(published: Path, tmp_path: Path) -> None:
    table = slice_config.read(published / "slice_config.csv")
    slice_config.write(tmp_path / "out.csv", table)
    assert set(EXAMPLE_CONFIG.split("\n", 1)[0].split(",")) <= set(slice_config.read(tmp_path / "out.csv"))


def test_two_images_of_one_slice_are_an_error_that_names_both(tmp_path: Path) -> None:
    for word in ("normalize", "stitch_3d"):
        write_slice(tmp_path, 5, np.ones((2, 4, 4), np.float32), word)
    with pytest.raises(
        AcquisitionError, match=r"z05_stitch_3d.ome.zarr: slice 5 is there twice.*z05_normalize"
    ):
        find_acquisition(tmp_path)


@pytest.mark.parametrize("name", ["slice_z05_interpolated", "slice_z05_uncertainty"])
def test_what_a_run_made_is_no_measured_slice(tmp_path: Path, name: str) -> None:
    for stem in ("slice_z04_normalize", name):
        (tmp_path / f"{stem}.ome.zarr").mkdir()
    assert list(find_acquisition(tmp_path).slices) == [4]


def test_the_command_of_the_page_works_as_printed(published: Path, tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "from-nextflow.md").read_text()
    (line,) = (line for line in page.splitlines() if line.startswith("    soct reconstruct"))
    words = shlex.split(line)[2:]
    assert words[:3] == ["OUT/bring_to_common_space", "--output", "BRAIN"]
    found = parser().parse_args([str(published), "--output", str(tmp_path / "BRAIN"), *words[3:]])
    planner = Planner.of(found.acquisition[0], found.output, ReconstructSettings(), voxel_size(found), False)
    assert planner.volumes[1].voxel_size_um == (10.0, 10.0, 10.0)


def test_its_options_are_known(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "from-nextflow.md").read_text().replace("\\\n", " ")
    (line,) = (line for line in page.splitlines() if line.startswith("    soct interpolate"))
    found = interpolate_parser().parse_args(shlex.split(line)[2:])
    assert (found.min_overlap_correlation, found.slice_id) == ("0.3", "06")
