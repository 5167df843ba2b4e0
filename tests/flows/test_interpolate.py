"""`python -m flows.interpolate`: fills one gap between two files, and overwrites nothing of others."""

from __future__ import annotations

from pathlib import Path

import pytest
from foreign_files import rewrite_foreign
from tiny_slices import small_acquisition

from flows.interpolate import main as interpolate
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
