"""`python -m flows.finalise`: merges fragments, or refuses and writes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.finalise import main as finalise


def test_finalise_merges_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fragments = tmp_path / "fragments"
    fragments.mkdir()
    (tmp_path / "in.csv").write_text("slice_id,use\n1,true\n2,false\n3,true\n")
    header = (
        "slice_id,interpolated,interpolation_failed,interpolation_method_used,interpolation_fallback_reason"
    )
    good = fragments / "slice_z02_manifest.csv"
    good.write_text(f"{header}\n02,true,false,zmorph,\n")
    command = ["--slice-config-in", str(tmp_path / "in.csv"), "--fragments", str(fragments)]
    assert finalise([*command, "--slice-config-out", str(tmp_path / "out.csv")]) == 0
    assert "02,false,,,,,,,,true,false,zmorph,," in (tmp_path / "out.csv").read_text()
    good.write_text(f"{header}\n02,true,true,zmorph,\n")
    assert finalise([*command, "--slice-config-out", str(tmp_path / "again.csv")]) == 2
    assert "slice_z02_manifest.csv" in capsys.readouterr().err
    assert not (tmp_path / "again.csv").exists()


def test_only_an_earlier_trail_of_the_same_config_is_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fragments = tmp_path / "fragments"
    fragments.mkdir()
    (tmp_path / "in.csv").write_text("slice_id,use,notes\n1,true,mine\n2,false,\n3,true,\n")
    (fragments / "slice_z04_manifest.csv").write_text(
        "slice_id,interpolated,interpolation_failed,interpolation_method_used,interpolation_fallback_reason\n"
        "04,true,false,zmorph,\n"
    )
    out = tmp_path / "out.csv"
    command = ["--slice-config-in", str(tmp_path / "in.csv"), "--fragments", str(fragments)]
    command += ["--slice-config-out", str(out)]
    assert finalise(command) == 0
    trail = out.read_text()
    assert finalise(command) == 0
    assert out.read_text() == trail
    others = [
        "slice_id,use,notes\n1,true,other\n2,false,\n3,true,\n",
        "slice_id,use\n1,true\n",
        "years of work",
        trail.replace("mine", "by hand"),
    ]
    for text in others:
        out.write_text(text)
        assert finalise(command) == 2
        assert "not an earlier trail of in.csv" in capsys.readouterr().err
        assert out.read_text() == text
    assert finalise([*command, "--overwrite"]) == 0
    assert out.read_text() == trail


HEADER = (
    "slice_id,interpolated,interpolation_failed,interpolation_method_used,interpolation_fallback_reason\n"
)


def test_underscores_and_a_single_file_serve_as_well(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("slice_id,use\n1,true\n2,false\n3,true\n")
    (tmp_path / "one.csv").write_text(f"{HEADER}02,true,false,zmorph,\n")
    command = ["--slice_config_in", str(tmp_path / "in.csv"), f"--slice_config_out={tmp_path / 'out_1.csv'}"]
    assert finalise([*command, "--fragments", str(tmp_path / "one.csv")]) == 0
    assert "02,false,,,,,,,,true,false,zmorph,," in (tmp_path / "out_1.csv").read_text()


def test_without_fragments_nothing_is_merged_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text("slice_id,use\n1,true\n2,false\n")
    command = ["--slice-config-in", str(tmp_path / "in.csv"), "--slice-config-out", str(tmp_path / "out.csv")]
    assert finalise([*command, "--fragments", str(tmp_path / "none")]) == 0
    assert "none: no such directory; nothing is merged" in capsys.readouterr().err
    assert (tmp_path / "out.csv").read_text().count("\n") == 3
