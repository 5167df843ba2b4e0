"""Stamps on the audit trail change their cells and no other, and never in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from saved_tables import saved
from slice_config_files import CONFIG, changed, rows_of

from soct_core import slice_config
from soct_core.errors import SliceConfigError


def test_a_stamp_changes_its_cells_and_no_other(tmp_path: Path) -> None:
    path, out = saved(tmp_path, CONFIG), tmp_path / "out.csv"
    slice_config.stamp(path, out, 7, auto_excluded=True, auto_exclude_reason="too\ndark", quality_score=0.25)
    assert changed(path, out) == {
        ("07", "auto_excluded"): "true",
        ("07", "auto_exclude_reason"): "too\ndark",
        ("07", "quality_score"): "0.25",
    }
    assert path.read_bytes() == CONFIG.encode()


@pytest.mark.parametrize("spelling", [7, "7", "07", "7.0"])
def test_a_stamp_finds_its_slice_however_it_is_spelt(tmp_path: Path, spelling: int | str) -> None:
    path, out = saved(tmp_path, CONFIG), tmp_path / "out.csv"
    slice_config.stamp(path, out, spelling, use=True)
    assert changed(path, out) == {("07", "use"): "true"}


def test_none_empties_a_cell(tmp_path: Path) -> None:
    path, out = saved(tmp_path, CONFIG), tmp_path / "out.csv"
    slice_config.stamp(path, out, 6, quality_score=None, operator=None, use=None)
    assert changed(path, out) == {("06", "quality_score"): "", ("06", "operator"): "", ("06", "use"): ""}


def test_notes_are_appended_and_never_replaced(tmp_path: Path) -> None:
    path, out, last = saved(tmp_path, CONFIG), tmp_path / "out.csv", tmp_path / "last.csv"
    slice_config.stamp_many(
        path, out, {6: {"notes": "a"}, 7: {"notes": "b"}, 8: {"notes": "c"}, 9: {"notes": "d"}}
    )
    slice_config.stamp(out, last, 8, notes="e, f")
    assert [row["notes"] for row in rows_of(last)] == ["a", "blurred; b", "first cut; kept; c; e, f", "d"]


def test_many_stamps_fall_each_on_its_slice(tmp_path: Path) -> None:
    path, out = saved(tmp_path, CONFIG), tmp_path / "out.csv"
    slice_config.stamp_many(path, out, {8: {"rehomed": False}, "06": {"rehomed": True}, 100: {"use": False}})
    assert changed(path, out) == {
        ("06", "rehomed"): "true",
        ("08", "rehomed"): "false",
        ("100", "slice_id"): "100",
        ("100", "use"): "false",
    }


@pytest.mark.parametrize("value", ["late", 0.5, 7])
def test_a_stamp_may_add_a_column_of_its_own(tmp_path: Path, value: str | float) -> None:
    path, out = saved(tmp_path, CONFIG), tmp_path / "out.csv"
    slice_config.stamp(path, out, 7, stage_score=value)
    assert changed(path, out) == {("07", "stage_score"): str(value)}


@pytest.mark.parametrize(
    ("slice_id", "values"),
    [
        (7, {"quality_score": 1.5}),
        (7, {"quality_score": "high"}),
        (7, {"interpolated": "yes"}),
        (7, {"use": 1}),
        (7, {"interpolation_method_used": "magic"}),
        (7, {"interpolation_fallback_reason": "because"}),
        (7, {"interpolated": True, "interpolation_failed": True}),
        (7, {"slice_id": 8}),
        (-1, {"use": True}),
        ("seven", {"use": True}),
        (7.5, {"use": True}),
    ],
)
def test_an_invalid_stamp_is_refused_and_nothing_written(
    tmp_path: Path, slice_id: Any, values: dict[str, Any]
) -> None:
    path, out = saved(tmp_path, CONFIG), tmp_path / "out.csv"
    with pytest.raises(SliceConfigError):
        slice_config.stamp_many(path, out, {slice_id: values})
    assert not out.exists()


@pytest.mark.parametrize(
    "spelling", ["slice_config.csv", "./slice_config.csv", "sub/../slice_config.csv", "link.csv"]
)
def test_in_place_is_refused_however_the_path_is_spelt(tmp_path: Path, spelling: str) -> None:
    path = saved(tmp_path, CONFIG)
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.csv").symlink_to(path)
    for run in (
        lambda out: slice_config.stamp(path, out, 7, use=True),
        lambda out: slice_config.stamp_many(path, out, {}),
        lambda out: slice_config.merge_fragments(path, [], out),
    ):
        with pytest.raises(SliceConfigError, match="in place"):
            run(tmp_path / spelling)
    assert path.read_bytes() == CONFIG.encode()
