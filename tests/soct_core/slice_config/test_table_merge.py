"""Fragments merged into the audit trail: their outcomes and nothing else, all or none."""

from __future__ import annotations

from pathlib import Path

import pytest
from saved_tables import saved
from slice_config_files import CONFIG, changed, failure, fragment, rows_of

from schemas.manifest_fragment import FRAGMENT_COLUMNS
from soct_core import slice_config
from soct_core.errors import FragmentError, SliceConfigError


def test_fragments_stamp_their_outcomes_and_nothing_else(tmp_path: Path) -> None:
    stale = (
        "slice_id,interpolated,interpolation_failed,interpolation_method_used,interpolation_fallback_reason,"
        'notes,operator\n07,true,false,zmorph,,"a, b",007\n09,false,true,,low_overlap_ncc,,\n11,,,,,,x\n'
    )
    path, out = saved(tmp_path, stale), tmp_path / "slice_config_final.csv"
    fragments = [failure(tmp_path, 7, "reg_did_not_improve"), fragment(tmp_path, 9)]
    slice_config.merge_fragments(path, fragments, out)
    assert changed(path, out) == {
        ("07", "interpolated"): "false",
        ("07", "interpolation_failed"): "true",
        ("07", "interpolation_method_used"): "",
        ("07", "interpolation_fallback_reason"): "reg_did_not_improve",
        ("09", "interpolated"): "true",
        ("09", "interpolation_failed"): "false",
        ("09", "interpolation_method_used"): "zmorph",
        ("09", "interpolation_fallback_reason"): "",
    }


def test_a_fragment_of_an_unknown_slice_appends_a_row_that_is_otherwise_blank(tmp_path: Path) -> None:
    path, out = saved(tmp_path, CONFIG), tmp_path / "out.csv"
    slice_config.merge_fragments(path, [fragment(tmp_path, 100), failure(tmp_path, 4)], out)
    assert [row["slice_id"] for row in rows_of(out)] == ["04", "06", "07", "08", "100"]
    assert changed(path, out) == {
        ("04", "slice_id"): "04",
        ("04", "interpolated"): "false",
        ("04", "interpolation_failed"): "true",
        ("04", "interpolation_fallback_reason"): "low_overlap_ncc",
        ("100", "slice_id"): "100",
        ("100", "interpolated"): "true",
        ("100", "interpolation_failed"): "false",
        ("100", "interpolation_method_used"): "zmorph",
    }


HEADER = ",".join(FRAGMENT_COLUMNS)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param("slice_z08_manifest.csv", "", "a header row", id="empty"),
        pytest.param("slice_z08_manifest.csv", HEADER + "\n", "0 rows", id="no row"),
        pytest.param(
            "slice_z08_manifest.csv",
            HEADER + "\n08,true,false,zmorph,\n09,true,false,zmorph,\n",
            "2 rows",
            id="two",
        ),
        pytest.param("slice_z08_manifest.csv", HEADER + "\n08,true,fal", "3 cells", id="cut off"),
        pytest.param(
            "slice_z08_manifest.csv", "slice_id,interpolated\n08,true\n", "a column", id="columns missing"
        ),
        pytest.param(
            "slice_z08_manifest.csv",
            HEADER + ",ncc\n08,true,false,zmorph,,0.5\n",
            "'ncc'",
            id="foreign column",
        ),
        pytest.param(
            "slice_z08_manifest.csv", HEADER + "\n08,true,true,zmorph,\n", "exactly one", id="both outcomes"
        ),
        pytest.param("slice_z08_manifest.csv", HEADER + "\n08,,,zmorph,\n", "row 2", id="no outcome"),
        pytest.param("slice_z08_manifest.csv", HEADER + "\n08,true,false,,\n", "method", id="no method"),
        pytest.param(
            "slice_z08_manifest.csv", HEADER + "\n08,false,true,,tired\n", "'tired'", id="unknown reason"
        ),
        pytest.param(
            "slice_z08_manifest.csv", HEADER + "\n08,maybe,false,zmorph,\n", "'maybe'", id="bad bool"
        ),
        pytest.param(
            "slice_z08_manifest.csv", HEADER + "\n09,true,false,zmorph,\n", "slice 09", id="of another slice"
        ),
        pytest.param(
            "copy.csv", HEADER + "\n7,true,false,zmorph,\n", "slice 07 is in slice_z07", id="duplicate"
        ),
        pytest.param("slice_z08_manifest.csv", None, "cannot be read", id="missing"),
    ],
)
def test_a_bad_fragment_is_an_error_that_names_it_and_writes_nothing(
    tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    path, out = saved(tmp_path, CONFIG), tmp_path / "out.csv"
    good, bad = fragment(tmp_path, 7), tmp_path / name
    if content is not None:
        bad.write_text(content)
    with pytest.raises(FragmentError) as caught:
        slice_config.merge_fragments(path, [good, bad], out)
    assert str(bad) in str(caught.value)
    assert message in str(caught.value)
    assert not out.exists()


def test_a_broken_config_is_not_blamed_on_a_fragment(tmp_path: Path) -> None:
    path, out = saved(tmp_path, "slice_id,use\n07,maybe\n"), tmp_path / "out.csv"
    with pytest.raises(SliceConfigError, match="'maybe'"):
        slice_config.merge_fragments(path, [fragment(tmp_path, 7)], out)
    assert not out.exists()
