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
