"""Operations on the audit trail: what they change, and all that they must not."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.manifest_fragment import FRAGMENT_COLUMNS, ManifestFragment
from schemas.tables.slice_config import CANONICAL_COLUMNS
from soct_core import slice_config
from soct_core.errors import FragmentError, SliceConfigError
from soct_core.file_names import fragment_name
from soct_core.slice_config.fragments import find_fragments, read_fragment, write_fragment

Row = dict[str, str]

NASTY = (
    'say "cut"',
    "two\nlines",
    "a\r\nb",
    "lone\rreturn",
    "a,b",
    "a;b",
    "007",
    " x ",
    "NA",
    "µm é 切片 🧠",
    "'",
)
cell_text = st.one_of(st.sampled_from(NASTY), st.text(st.characters(codec="utf-8"), max_size=12))
# Blanks around a name are tested on their own.
column_name = cell_text.filter(lambda name: name == name.strip() and name not in ("", *CANONICAL_COLUMNS))
BOOLS = ("true", "TRUE", "1", "yes", "y", "t", "false", "0", "no", "n", "F", "")
NORMAL_BOOLS = {"true", "false", ""}
shares = st.one_of(st.just(""), st.floats(0, 1, allow_nan=False).map(repr))


@st.composite
def configs(draw: st.DrawFn) -> tuple[list[str], list[Row]]:
    """Header and rows of a valid config, as text, with columns that the contract does not know."""
    unknown = draw(st.lists(column_name, max_size=3, unique=True))
    optional = [name for name in CANONICAL_COLUMNS[1:] if draw(st.booleans())]
    header = draw(st.permutations(["slice_id", *optional, *unknown]))
    ids = draw(st.lists(st.integers(0, 1200), max_size=6, unique=True))
    rows = []
    for slice_id in ids:
        row = {name: draw(cell_text) for name in header}
        row["slice_id"] = draw(st.sampled_from([f"{slice_id}", f"{slice_id:02d}", f"{slice_id}.0"]))
        for name in ("use", "galvo_fix", "rehomed", "rehoming_reliable", "auto_excluded", "interpolated"):
            row[name] = draw(st.sampled_from(BOOLS))
        for name in ("quality_score", "galvo_confidence"):
            row[name] = draw(shares)
        # Not both outcomes at once, which the contract refuses.
        row["interpolation_failed"] = draw(st.sampled_from(["false", ""]))
        row["interpolation_method_used"] = draw(st.sampled_from(["zmorph", "average", ""]))
        row["interpolation_fallback_reason"] = draw(st.sampled_from(["low_overlap_ncc", ""]))
        rows.append({name: row[name] for name in header})
    return list(header), rows


def as_csv(header: list[str], rows: list[Row]) -> str:
    """A CSV text with every cell quoted, as some programs write it."""
    out = io.StringIO()
    writer = csv.DictWriter(out, header, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def rows_of(path: Path) -> list[Row]:
    """The cells of a CSV file by the standard library, not by the code under test."""
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def saved(folder: Path, text: str, name: str = "slice_config.csv") -> Path:
    """The text as a file, byte for byte."""
    path = folder / name
    path.write_bytes(text.encode())
    return path


def fragment(folder: Path, slice_id: int, **cells: Any) -> Path:
    """A fragment of a slice that was interpolated, unless the cells say otherwise."""
    outcome = {"interpolated": True, "interpolation_failed": False, "interpolation_method_used": "zmorph"}
    path = folder / fragment_name(slice_id)
    write_fragment(path, ManifestFragment.model_validate({"slice_id": slice_id, **outcome, **cells}))
    return path


def failure(folder: Path, slice_id: int, reason: str = "low_overlap_ncc") -> Path:
    """A fragment of a slice that was given up."""
    return fragment(
        folder,
        slice_id,
        interpolated=False,
        interpolation_failed=True,
        interpolation_method_used=None,
        interpolation_fallback_reason=reason,
    )


@given(configs())
@settings(max_examples=40, deadline=None)
def test_round_trips_lose_nothing(config: tuple[list[str], list[Row]]) -> None:
    header, rows = config
    with TemporaryDirectory() as folder:
        given_, once, twice = (Path(folder) / name for name in ("given.csv", "once.csv", "twice.csv"))
        given_.write_bytes(as_csv(header, rows).encode())
        slice_config.write(once, slice_config.read(given_))
        slice_config.write(twice, slice_config.read(once))
        assert once.read_bytes() == twice.read_bytes()
        written = rows_of(once)
        text = once.read_bytes().decode()
    unknown = [name for name in header if name not in CANONICAL_COLUMNS]
    assert next(csv.reader(io.StringIO(text, newline=""))) == [*CANONICAL_COLUMNS, *unknown]
    in_order = sorted(rows, key=lambda row: float(row["slice_id"]))
    assert [row["slice_id"] for row in written] == [f"{int(float(r['slice_id'])):02d}" for r in in_order]
    for before, after in zip(in_order, written, strict=True):
        kept = [n for n in ("notes", "auto_exclude_reason", *unknown) if n in header]
        assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
        assert {after[n] for n in ("use", "galvo_fix", "rehomed", "auto_excluded")} <= NORMAL_BOOLS
        for name in ("quality_score", "galvo_confidence"):
            assert after[name] == (before.get(name) or "")
        assert after["use"] == meant(before.get("use", ""))


def meant(spelling: str) -> str:
    """Normal form of a boolean."""
    return {"t": "true", "1": "true", "y": "true", "": ""}.get(spelling[:1].lower(), "false")


@pytest.mark.parametrize("text", NASTY)
def test_nasty_text_survives_in_cells_and_names(tmp_path: Path, text: str) -> None:
    path = saved(
        tmp_path, as_csv(["slice_id", "notes", "a" + text + "b"], [{"slice_id": "7", "notes": text}])
    )
    slice_config.write(tmp_path / "out.csv", slice_config.read(path))
    (row,) = rows_of(tmp_path / "out.csv")
    assert (row["notes"], row["a" + text + "b"]) == (text, "")


def test_normal_form_is_known(tmp_path: Path) -> None:
    path = saved(
        tmp_path,
        'operator,notes,use,slice_id,quality_score\nAda,"a,b",Y,112,.50\n007,,0,7,\n"x\ny",,,99.0,1\n',
    )
    slice_config.write(tmp_path / "out.csv", slice_config.read(path))
    assert (tmp_path / "out.csv").read_bytes().decode() == (
        ",".join(CANONICAL_COLUMNS) + ",operator\n"
        "07,false,,,,,,,,,,,,,007\n"
        '99,,1.0,,,,,,,,,,,,"x\ny"\n'
        '112,true,0.5,,,,,,,,,,,"a,b",Ada\n'
    )


def test_an_unknown_column_name_keeps_its_blanks(tmp_path: Path) -> None:
    path = saved(tmp_path, "slice_id, batch \n07,x\n")
    slice_config.write(tmp_path / "out.csv", slice_config.read(path))
    assert rows_of(tmp_path / "out.csv")[0][" batch "] == "x"


def test_rows_are_in_the_order_of_numbers_beyond_99(tmp_path: Path) -> None:
    path = saved(tmp_path, "slice_id\n100\n99\n1000\n9\n10\n0\n")
    assert slice_config.read(path)["slice_id"].tolist() == [0, 9, 10, 99, 100, 1000]
    slice_config.write(tmp_path / "out.csv", slice_config.read(path).iloc[::-1])
    assert [row["slice_id"] for row in rows_of(tmp_path / "out.csv")] == [
        "00",
        "09",
        "10",
        "99",
        "100",
        "1000",
    ]


def test_faults_become_an_error_with_the_whole_path(tmp_path: Path) -> None:
    path = saved(tmp_path, "slice_id,use\n07,a//b\n")
    with pytest.raises(SliceConfigError) as caught:
        slice_config.read(path)
    assert str(caught.value).startswith(f"{path}, row 2, column 'use': got 'a//b', wanted true/1/")


def test_a_missing_file_is_an_error_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(SliceConfigError, match=r"absent\.csv: cannot be read"):
        slice_config.read(tmp_path / "absent.csv")


def test_an_invalid_table_is_not_written(tmp_path: Path) -> None:
    old = saved(tmp_path, "old")
    table = pd.DataFrame({"slice_id": pd.array([1, 1], dtype="Int64")})
    with pytest.raises(SliceConfigError, match="no duplicate"):
        slice_config.write(old, table)
    assert old.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == [old.name]


def test_a_config_from_ids_uses_every_slice(tmp_path: Path) -> None:
    slice_config.write(tmp_path / "out.csv", slice_config.from_ids([12, 3, 100]))
    rows = rows_of(tmp_path / "out.csv")
    assert [(row["slice_id"], row["use"]) for row in rows] == [
        ("03", "true"),
        ("12", "true"),
        ("100", "true"),
    ]
    assert {cell for row in rows for name, cell in row.items() if name not in ("slice_id", "use")} == {""}


CONFIG = (
    "slice_id,use,quality_score,notes,operator\n"
    '06,true,0.75,,"Ada, ""A"""\n'
    "07,false,,blurred,007\n"
    "08,true,0.5,first cut; kept,\n"
)


def changed(before: Path, after: Path) -> dict[tuple[str, str], str]:
    """Cells that two files do not share, by slice and column; rows that are new as a whole."""
    old = {row["slice_id"]: row for row in rows_of(before)}
    return {
        (row["slice_id"], name): cell
        for row in rows_of(after)
        for name, cell in row.items()
        if cell != old.get(row["slice_id"], {}).get(name, "")
    }


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


@pytest.mark.parametrize(
    ("table", "used", "skipped"),
    [
        ("slice_id\n1\n2\n", {1, 2}, set()),
        ("slice_id,use\n1,true\n2,false\n3,\n", {1, 3}, {2}),
        ("slice_id,auto_excluded\n1,true\n2,false\n3,\n", {1, 2, 3}, {1}),
        (
            "slice_id,use,auto_excluded\n1,true,true\n2,false,\n3,,true\n4,no,no\n5,,\n",
            {1, 3, 5},
            {1, 2, 3, 4},
        ),
        ("slice_id,use\n", set(), set()),
    ],
)
def test_used_and_skipped_slices(tmp_path: Path, table: str, used: set[int], skipped: set[int]) -> None:
    path = saved(tmp_path, table)
    for config in (path, str(path), slice_config.read(path)):
        assert slice_config.filter_slices_to_use(config) == used
        assert slice_config.force_skip_slices(config) == skipped


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
