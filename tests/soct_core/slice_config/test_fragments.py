"""Manifest fragments are read as they were written, and half-written ones are not found."""

from __future__ import annotations

from pathlib import Path

import pytest
from slice_config_files import failure, fragment, rows_of

from schemas.manifest_fragment import FRAGMENT_COLUMNS
from soct_core.errors import FragmentError
from soct_core.slice_config.fragments import find_fragments, read_fragment


def test_a_fragment_is_read_as_it_was_written(tmp_path: Path) -> None:
    for path in (fragment(tmp_path, 7), failure(tmp_path, 112, "implausible_affine")):
        (row,) = rows_of(path)
        assert tuple(row) == FRAGMENT_COLUMNS
        written = read_fragment(path)
        assert f"{written.slice_id:02d}" == row["slice_id"]
        assert written.interpolation_method_used == (row["interpolation_method_used"] or None)
        assert written.interpolation_fallback_reason == (row["interpolation_fallback_reason"] or None)
    assert (tmp_path / "slice_z07_manifest.csv").read_text().splitlines()[1] == "07,true,false,zmorph,"
    assert (tmp_path / "slice_z112_manifest.csv").read_text().splitlines()[1] == (
        "112,false,true,,implausible_affine"
    )
    assert find_fragments(tmp_path) == [
        tmp_path / "slice_z07_manifest.csv",
        tmp_path / "slice_z112_manifest.csv",
    ]


def test_fragments_that_are_half_written_are_not_found(tmp_path: Path) -> None:
    (tmp_path / ".partial-1-slice_z07_manifest.csv").write_text("slice_id")
    (tmp_path / "slice_config.csv").write_text("slice_id")
    assert find_fragments(tmp_path) == []


@pytest.mark.parametrize(
    ("columns", "row", "wanted"),
    [
        ("", "01,zmorph,zmorph,", (True, "zmorph", None)),
        (",interpolation_failed,output_path", "01,zmorph,zmorph,,false,a.ome.zarr", (True, "zmorph", None)),
        (
            ",interpolation_failed,output_path",
            "01,zmorph,,low_overlap_ncc,true,",
            (False, None, "low_overlap_ncc"),
        ),
    ],
)
def test_fragments_of_linumpy_are_read(tmp_path: Path, columns: str, row: str, wanted: object) -> None:
    path = tmp_path / "slice_z01_manifest.csv"
    path.write_text(f"slice_id,method,method_used,fallback_reason{columns}\n{row}\n")
    read = read_fragment(path)
    assert (
        read.interpolated,
        read.interpolation_method_used,
        read.interpolation_fallback_reason,
    ) == wanted
    assert read.interpolation_failed is not read.interpolated


def test_a_fragment_of_linumpy_with_a_reason_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "slice_z01_manifest.csv"
    path.write_text("slice_id,method,method_used,fallback_reason,interpolation_failed\n01,zmorph,,odd,true\n")
    with pytest.raises(FragmentError, match=r"fallback_reason.*odd"):
        read_fragment(path)
