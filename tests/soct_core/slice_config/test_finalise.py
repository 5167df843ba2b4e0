"""The final trail says of interpolations what this run did, whatever an earlier one left in the config."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from schemas.manifest_fragment import ManifestFragment
from soct_core import slice_config
from soct_core.slice_config.finalise import COVERED_NOTE, finalise, longer_gap_note
from soct_core.slice_config.fragments import write_fragment

FORMER = f"""slice_id,use,interpolated,interpolation_failed,interpolation_method_used,\
interpolation_fallback_reason,notes
00,true,,,,,
01,false,true,false,zmorph,,torn; {COVERED_NOTE}
02,true,false,true,,low_overlap_ncc,{longer_gap_note(12)}
03,false,true,false,zmorph,,{longer_gap_note(2)}; mine; too
04,false,false,true,,low_overlap_ncc,{COVERED_NOTE}; {COVERED_NOTE}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "slice_config.csv"
    path.write_text(FORMER)
    return path


def outcomes(path: Path) -> pd.DataFrame:
    return slice_config.read(path).set_index("slice_id")


def test_nothing_of_a_former_run_stays(tmp_path: Path, config: Path) -> None:
    finalise(config, [], tmp_path / "final.csv")
    table = outcomes(tmp_path / "final.csv")
    for column in ("interpolated", "interpolation_failed"):
        assert table[column].isna().all(), column
    for column in ("interpolation_method_used", "interpolation_fallback_reason"):
        assert set(table[column]) == {""}, column
    assert list(table["notes"]) == ["", "torn", "", "mine; too", ""]
    assert list(table["use"]) == [True, False, True, False, False]


def test_what_this_run_did_is_said_once(tmp_path: Path, config: Path) -> None:
    fragment = ManifestFragment(
        slice_id=1, interpolated=True, interpolation_failed=False, interpolation_method_used="zmorph"
    )
    write_fragment(tmp_path / "slice_z01_manifest.csv", fragment)
    notes = {3: longer_gap_note(2), 4: COVERED_NOTE}
    finalise(config, [tmp_path / "slice_z01_manifest.csv"], tmp_path / "final.csv", notes)
    table = outcomes(tmp_path / "final.csv")
    assert list(table.index[table["interpolated"].fillna(False)]) == [1]
    assert list(table["notes"]) == ["", "torn", "", f"mine; too; {longer_gap_note(2)}", COVERED_NOTE]
    # Fed back as a config, it says the same again.
    finalise(tmp_path / "final.csv", [tmp_path / "slice_z01_manifest.csv"], tmp_path / "again.csv", notes)
    assert (tmp_path / "again.csv").read_text() == (tmp_path / "final.csv").read_text()
