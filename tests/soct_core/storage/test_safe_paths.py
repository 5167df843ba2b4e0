"""An output lands nowhere among its input."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from soct_core.errors import AcquisitionError
from soct_core.storage.safe_paths import (
    refuse_output_among_inputs,
    refuse_results_of_others,
    refuse_unusable_place,
)


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


@pytest.mark.parametrize("output", ["Mouse", "MOUSE/Slices", "Mouse/SLICES/deep", "Deep"])
def test_names_in_another_case_are_the_same_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    """Links that are not resolved stand for a file system that does not tell cases apart."""
    slices = tmp_path / "deep" / "mouse" / "slices"
    slices.mkdir(parents=True)
    (tmp_path / "Deep").symlink_to("deep")
    for name in ("Mouse", "MOUSE"):
        (tmp_path / name).symlink_to("deep/mouse")
    for name in ("Slices", "SLICES"):
        (slices.parent / name).symlink_to("slices")
    monkeypatch.setattr(Path, "resolve", lambda path: path)
    with pytest.raises(AcquisitionError, match="among the input"):
        refuse_output_among_inputs(tmp_path / output, slices.parent)


@pytest.mark.parametrize("inside", ["stack", "stack/deep", ".soct", "mine"])
def test_an_output_below_another_output_is_refused(tmp_path: Path, inside: str) -> None:
    (tmp_path / "out" / ".soct").mkdir(parents=True)
    with pytest.raises(AcquisitionError, match="the output of another run"):
        refuse_unusable_place(tmp_path / "out" / inside)
    refuse_unusable_place(tmp_path / "out")
    refuse_unusable_place(tmp_path / "out2")


def test_a_name_that_is_not_utf8_is_told_in_one_printable_line(tmp_path: Path) -> None:
    with pytest.raises(AcquisitionError, match=r"mouse\\udcff: is a name that is not UTF-8"):
        refuse_unusable_place(tmp_path / os.fsdecode(b"mouse\xff"))


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
