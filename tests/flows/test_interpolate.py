"""`python -m flows.interpolate`: fills one gap between two files, and overwrites nothing of others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from foreign_files import rewrite_foreign
from tiny_slices import small_acquisition

from flows.interpolate import main as interpolate
from schemas.diagnostics import InterpolationDiagnostics
from soct_core.volume import open_volume


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--method", "magic"], "'magic'"),
        (["--slice-id", "x"], "slice id 'x'"),
        (["--manifest-entry", "m.csv"], "--manifest-entry needs --slice-id"),
        (["--output-z", "0"], "--output-z"),
    ],
)
def test_interpolate_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], extra: list[str], said: str
) -> None:
    acq = small_acquisition(tmp_path / "mouse")
    files = [str(acq / "slice_z00.ome.zarr"), str(acq / "slice_z02.ome.zarr"), str(tmp_path / "out.ome.zarr")]
    assert interpolate([*files, *extra]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out.ome.zarr").exists()


def test_interpolate_fills_no_longer_gap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    acq = small_acquisition(tmp_path / "mouse")
    (acq / "slice_z02.ome.zarr").rename(acq / "slice_z03.ome.zarr")
    files = [str(acq / "slice_z00.ome.zarr"), str(acq / "slice_z03.ome.zarr"), str(tmp_path / "out.ome.zarr")]
    assert interpolate(files) == 2
    assert "slice_z03.ome.zarr: 2 slices are missing after slice_z00.ome.zarr" in capsys.readouterr().err
    assert not (tmp_path / "out.ome.zarr").exists()


def test_interpolate_never_overwrites_its_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    acq = small_acquisition(tmp_path / "mouse")
    files = [str(acq / "slice_z00.ome.zarr"), str(acq / "slice_z02.ome.zarr")]
    assert interpolate([*files, files[0]]) == 2
    assert "would land in an input" in capsys.readouterr().err


def test_interpolate_replaces_nothing_but_an_earlier_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    acq = small_acquisition(tmp_path / "mouse")
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "thesis.txt").write_text("years of work")
    files = [str(acq / "slice_z00.ome.zarr"), str(acq / "slice_z02.ome.zarr")]
    for output in (acq, tmp_path, thesis, thesis / "thesis.txt"):
        assert interpolate([*files, str(output)]) == 2
        assert capsys.readouterr().err.startswith("error: ")
    assert (thesis / "thesis.txt").read_text() == "years of work"
    assert len(list(acq.glob("*.ome.zarr"))) == 3


def test_a_file_never_replaces_a_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    acq = small_acquisition(tmp_path / "mouse")
    files = [str(acq / "slice_z00.ome.zarr"), str(acq / "slice_z02.ome.zarr"), str(tmp_path / "o.ome.zarr")]
    assert interpolate([*files, "--diagnostics", str(acq)]) == 1
    assert "is a directory already" in capsys.readouterr().err
    assert len(list(acq.glob("*.ome.zarr"))) == 3


def test_the_interpolate_command_on_foreign_files(acquisition: Path, tmp_path: Path) -> None:
    before, after = (acquisition / f"slice_z0{i}.ome.zarr" for i in (1, 3))
    rewrite_foreign(before)
    out = tmp_path / "slice_z02_interpolated.ome.zarr"
    files = ["--diagnostics", str(tmp_path / "d.json"), "--preview", str(tmp_path / "p.png")]
    fragment = ["--slice-id", "2", "--manifest-entry", str(tmp_path / "slice_z02_manifest.csv")]
    assert interpolate([str(before), str(after), str(out), *files, *fragment]) == 0
    assert open_volume(out).voxel_size_um == pytest.approx((40.0, 50.0, 50.0))
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert "true,false,zmorph" in (tmp_path / "slice_z02_manifest.csv").read_text()


@pytest.fixture
def neighbours(tmp_path: Path) -> tuple[str, str]:
    acq = small_acquisition(tmp_path / "mouse")
    return str(acq / "slice_z00.ome.zarr"), str(acq / "slice_z02.ome.zarr")


def made(folder: Path, slice_id: str = "01") -> list[str]:
    """The command's arguments for all outputs."""
    stem = f"slice_z{slice_id}_interpolated"
    return [
        str(folder / f"{stem}.ome.zarr"),
        *("--diagnostics", str(folder / f"{stem}_diagnostics.json")),
        *("--preview", str(folder / f"{stem}_preview.png")),
        *("--manifest-entry", str(folder / f"slice_z{slice_id}_manifest.csv")),
        *("--slice-id", slice_id, "--method", "average"),
    ]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_its_own_earlier_outputs_are_made_again(neighbours: tuple[str, str], tmp_path: Path) -> None:
    command = [*neighbours, *made(tmp_path / "out")]
    assert interpolate(command) == 0
    assert interpolate([*command, "--output-z", "3"]) == 0
    assert open_volume(tmp_path / "out" / "slice_z01_interpolated.ome.zarr").shape[0] == 3


def test_without_an_id_the_neighbours_tell_what_it_is(neighbours: tuple[str, str], tmp_path: Path) -> None:
    before, after = neighbours
    command = [before, after, str(tmp_path / "out.ome.zarr"), "--method", "average"]
    assert interpolate(command) == 0
    assert interpolate(command) == 0
    assert interpolate([after, before, *command[2:]]) == 2


@pytest.mark.parametrize("which", [0, 2, 4, 6])
@pytest.mark.parametrize("kind", ["a measured slice", "another interpolation", "a config", "text"])
def test_what_is_something_else_is_never_replaced(
    neighbours: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], which: int, kind: str
) -> None:
    out = tmp_path / "out"
    arguments = made(out)
    place = Path(arguments[which])
    out.mkdir()
    if kind == "another interpolation":
        other = made(tmp_path / "other", "05")
        assert interpolate([*neighbours, *other]) == 0
        Path(other[which]).rename(place)
    elif kind == "a measured slice":
        (tmp_path / "mouse" / "slice_z01.ome.zarr").rename(place)
    else:
        place.write_text("slice_id,use\n1,true\n" if kind == "a config" else "years of work")
    before = contents(out)
    is_wanted_file = which > 0 and kind == "a measured slice"
    assert interpolate([*neighbours, *arguments]) == (1 if is_wanted_file else 2)
    assert capsys.readouterr().err.startswith("error: ")
    assert {name: contents(out)[name] for name in before} == before


def test_overwrite_replaces_what_the_user_means(neighbours: tuple[str, str], tmp_path: Path) -> None:
    arguments = made(tmp_path)
    Path(arguments[2]).write_text("slice_id,use\n1,true\n")
    assert interpolate([*neighbours, *arguments]) == 2
    assert interpolate([*neighbours, *arguments, "--overwrite"]) == 0
    found = InterpolationDiagnostics.model_validate_json(Path(arguments[2]).read_bytes())
    assert found.slice_id == 1


@pytest.mark.parametrize(
    "name", ["slice_z01.ome.zarr", "slice_z09.ome.zarr", "slice_z02_interpolated.ome.zarr"]
)
def test_the_name_of_another_slice_is_refused_whatever_is_said(
    neighbours: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    command = [*neighbours, str(tmp_path / name), "--slice-id", "01", "--overwrite"]
    assert interpolate(command) == 2
    assert "measured slice" in (err := capsys.readouterr().err) or "named after slice 02" in err
    assert not (tmp_path / name).exists()


def test_the_diagnostics_join_the_trail_and_move_with_what_they_name(
    neighbours: tuple[str, str], tmp_path: Path
) -> None:
    arguments = made(tmp_path / "mouse" / "made")
    assert interpolate([*neighbours, *arguments]) == 0
    found = json.loads(Path(arguments[2]).read_text())
    assert found["slice_id"] == "01"
    assert found["slice_before_path"] == "../slice_z00.ome.zarr"
    assert found["slice_after_path"] == "../slice_z02.ome.zarr"
    assert found["output_path"] == "slice_z01_interpolated.ome.zarr"
    # Documents of earlier versions hold a number.
    older = InterpolationDiagnostics.model_validate(found | {"slice_id": 1})
    assert older == InterpolationDiagnostics.model_validate(found)
