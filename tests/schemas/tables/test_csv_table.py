"""CSV tables: which text is read, and how faults are named by file, row and column."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from saved_tables import faults_of, saved

from schemas.tables.csv_table import TableFaults
from schemas.tables.slice_config import SLICE_CONFIG


def test_every_fault_is_reported_in_the_order_of_the_rows(tmp_path: Path) -> None:
    path = saved(tmp_path, "slice_id,use,quality_score\nx,true,0.5\n02,maybe,2\n03,no,1\n")
    assert [fault.split(": ")[0] for fault in faults_of(path)] == [
        "slice_config.csv, row 2, column 'slice_id'",
        "slice_config.csv, row 3, column 'quality_score'",
        "slice_config.csv, row 3, column 'use'",
    ]


@pytest.mark.parametrize("again", ["07", "7", "7.0"])
def test_one_id_in_two_spellings_is_a_duplicate(tmp_path: Path, again: str) -> None:
    (fault,) = faults_of(saved(tmp_path, f"slice_id,use\n7,true\n08,true\n{again},false\n"))
    assert fault == (
        f"slice_config.csv, row 4, column 'slice_id': got {again!r}, wanted no duplicate of row 2"
    )


def test_a_byte_order_mark_and_windows_line_ends_are_no_content(tmp_path: Path) -> None:
    text = "slice_id,use,notes,operator\r\n7,true,first cut,Ada\r\n08,no,,Bo\r\n"
    table = SLICE_CONFIG.read(saved(tmp_path, b"\xef\xbb\xbf" + text.encode()))
    assert list(table.columns) == ["slice_id", "use", "notes", "operator"]
    assert table["slice_id"].tolist() == [7, 8]
    assert table["operator"].tolist() == ["Ada", "Bo"]


def test_semicolons_are_named_as_the_mistake(tmp_path: Path) -> None:
    (fault,) = faults_of(saved(tmp_path, "slice_id;use\n07;true\n"))
    assert "row 1" in fault
    assert fault.endswith("wanted commas between the columns, not semicolons")


@pytest.mark.parametrize(("row", "count"), [("07", 1), ("07,true", 2), ("07,true,,extra", 4)])
def test_ragged_rows_are_refused(tmp_path: Path, row: str, count: int) -> None:
    (fault,) = faults_of(saved(tmp_path, f"slice_id,use,notes\n06,true,\n{row}\n"))
    assert fault == f"slice_config.csv, row 3: got '{count} cells', wanted 3 cells as in the header"


def test_blank_lines_are_skipped_but_counted(tmp_path: Path) -> None:
    (fault,) = faults_of(saved(tmp_path, "slice_id,use\n\n07,true\n,\n08,maybe\n"))
    assert "row 5, column 'use': got 'maybe'" in fault


def test_quoted_newlines_commas_and_quotes_are_content(tmp_path: Path) -> None:
    text = 'slice_id,notes,use\n07,"first\nsecond, ""third""",true\n08,"a\r\nb",maybe\n'
    (fault,) = faults_of(saved(tmp_path, text))
    # Rows count as a spreadsheet shows them: a newline within a cell begins no row.
    assert "row 3, column 'use'" in fault
    table = SLICE_CONFIG.read(saved(tmp_path, text.replace("maybe", "no")))
    assert table["notes"].tolist() == ['first\nsecond, "third"', "a\r\nb"]


def test_an_unclosed_quote_is_refused(tmp_path: Path) -> None:
    (fault,) = faults_of(saved(tmp_path, 'slice_id,notes\n07,"never closed\n'))
    assert "wanted comma-separated values" in fault


def test_text_that_is_not_utf8_is_refused_with_its_row(tmp_path: Path) -> None:
    (fault,) = faults_of(saved(tmp_path, "slice_id,notes\n07,ok\n08,dévié\n".encode("latin-1")))
    assert fault.startswith("slice_config.csv, row 3: ")
    assert fault.endswith("wanted UTF-8 text")


@pytest.mark.parametrize(
    ("content", "row", "wanted"),
    [
        ("", "row 1", "a header row"),
        ("use,notes\ntrue,\n", "row 1", "a column 'slice_id'"),
        ("slice_id,use,use\n07,true,true\n", "row 1, column 'use'", "each column once"),
    ],
)
def test_headers_that_name_no_table_are_refused(tmp_path: Path, content: str, row: str, wanted: str) -> None:
    (fault,) = faults_of(saved(tmp_path, content))
    assert fault.startswith(f"slice_config.csv, {row}: ")
    assert fault.endswith(f"wanted {wanted}")


def test_text_columns_keep_what_looks_like_nothing(tmp_path: Path) -> None:
    table = SLICE_CONFIG.read(saved(tmp_path, "slice_id,notes,batch\n07,NA,007\n08,null, x \n"))
    assert table["notes"].tolist() == ["NA", "null"]
    assert table["batch"].tolist() == ["007", " x "]


@pytest.mark.parametrize("header", ["slice_id,Use", "slice_id, USE ", "Slice-ID,use", "slice id,use"])
def test_a_column_that_is_ours_but_for_its_spelling_is_refused(tmp_path: Path, header: str) -> None:
    (fault,) = faults_of(saved(tmp_path, f"{header}\n07,false\n"))
    wanted = "use" if header.endswith(("Use", "USE ")) else "slice_id"
    assert fault.startswith("slice_config.csv, row 1, column ")
    assert fault.endswith(f", wanted the name {wanted!r}")


def test_a_second_spelling_of_a_column_is_refused(tmp_path: Path) -> None:
    (fault,) = faults_of(saved(tmp_path, "slice_id,use,Use\n07,true,false\n"))
    assert fault == "slice_config.csv, row 1, column 'Use': got 'Use', wanted no second 'use'"


cells = st.text(max_size=12) | st.sampled_from(
    ["", "0", "07", "7.0", "true", "0.5", "zmorph", '"', "a,b", "\r"]
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    names=st.lists(
        st.sampled_from(["slice_id", "use", "quality_score", "notes", "x", "", "use"]), max_size=5
    ),
    rows=st.lists(st.lists(cells, max_size=6), max_size=5),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_table_has_one_normal_form_or_none(names: list[str], rows: list[list[str]], end: str) -> None:
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    normal, said = "slice_id\n", ""
    try:
        normal = SLICE_CONFIG.to_csv(SLICE_CONFIG.parse("in", end.join([",".join(names), *quoted])))
    except TableFaults as error:
        said = error.summary
    assert len(said.splitlines()) <= 1
    assert SLICE_CONFIG.to_csv(SLICE_CONFIG.parse("again", normal)) == normal
