"""An output lands nowhere among its input."""

from __future__ import annotations

from pathlib import Path

import pytest

from soct_core.errors import AcquisitionError
from soct_core.storage.safe_paths import refuse_output_among_inputs, refuse_results_of_others


@pytest.mark.parametrize(
    "output",
    [
        ".",
        "..",
        "../..",
        "slices",
        "slices/deeper/still",
        "slice_z00.ome.zarr",
        "slice_z00.ome.zarr/0/c",
        "../other/volume.zarr/out",
        "link",
        "out/../slices",
        "notes.txt",
    ],
)
def test_output_never_lands_among_the_input(tmp_path: Path, output: str) -> None:
    acquisition = tmp_path / "deep" / "mouse"
    (acquisition / "slice_z00.ome.zarr").mkdir(parents=True)
    (acquisition / "link").symlink_to(acquisition)
    (acquisition / "notes.txt").write_text("dear")
    with pytest.raises(AcquisitionError, match=r"among the input|is a file"):
        refuse_output_among_inputs(acquisition / output, acquisition)


@pytest.mark.parametrize("output", ["reconstruction", "out/deep", "../other", "../mouse2", "slices2"])
def test_other_outputs_are_fine(tmp_path: Path, output: str) -> None:
    acquisition = tmp_path / "deep" / "mouse"
    (acquisition / "reconstruction").mkdir(parents=True)
    refuse_output_among_inputs(acquisition / output, acquisition)


@pytest.mark.parametrize(
    "name", ["report.html", "run.json", "slice_config_final.csv", "stack/3d_volume.ome.zarr"]
)
def test_results_that_no_run_made_are_never_replaced(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("years of work")
    with pytest.raises(AcquisitionError, match=rf"{name}: is there already and no run made it"):
        refuse_results_of_others(tmp_path)
    (tmp_path / ".soct").mkdir()
    refuse_results_of_others(tmp_path)


def test_an_output_with_other_files_is_fine(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("dear")
    refuse_results_of_others(tmp_path)
    refuse_results_of_others(tmp_path / "new")
