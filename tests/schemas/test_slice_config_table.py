"""The slice config table: which text it reads, and how it names what it refuses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from schemas.tables.csv_table import TableFaults
from schemas.tables.slice_config import CANONICAL_COLUMNS, SLICE_CONFIG
from schemas.validate import main

SPEC_COLUMNS = (
    "slice_id,use,quality_score,galvo_confidence,galvo_fix,rehomed,rehoming_reliable,auto_excluded,"
    "auto_exclude_reason,interpolated,interpolation_failed,interpolation_method_used,"
    "interpolation_fallback_reason,notes"
)


def saved(folder: Path, content: str | bytes, name: str = "slice_config.csv") -> Path:
    """The content as a file, byte for byte."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def faults_of(path: Path) -> list[str]:
    """What reading the file complains about, by file name; fails where it does not."""
    with pytest.raises(TableFaults) as caught:
        SLICE_CONFIG.read(path)
    return [str(fault).removeprefix(f"{path.parent}/") for fault in caught.value.faults]


def test_canonical_columns_stand_in_the_order_of_the_contract() -> None:
    assert ",".join(CANONICAL_COLUMNS) == SPEC_COLUMNS


@pytest.mark.parametrize("column", ["use", "galvo_fix", "rehomed", "rehoming_reliable", "auto_excluded"])
@pytest.mark.parametrize(
    ("spelling", "meaning"),
    [(s, True) for s in ("true", "1", "yes", "y", "t", "TRUE", "Yes", "T", " true ")]
    + [(s, False) for s in ("false", "0", "no", "n", "f", "FALSE", "No", "F", "\tf")]
    + [("", None), ("  ", None)],
)
def test_booleans_are_read_from_every_agreed_spelling(
    tmp_path: Path, column: str, spelling: str, meaning: bool | None
) -> None:
    cell = SLICE_CONFIG.read(saved(tmp_path, f"slice_id,{column}\n07,{spelling}\n"))[column].iloc[0]
    assert cell is pd.NA if meaning is None else bool(cell) is meaning


@pytest.mark.parametrize("spelling", ["maybe", "2", "-1", "1.0", "truee", "on", "oui", "nan", "None"])
def test_other_booleans_are_refused_with_file_row_column_value_and_wanted(
    tmp_path: Path, spelling: str
) -> None:
    (fault,) = faults_of(saved(tmp_path, f"slice_id,use\n06,true\n07,{spelling}\n"))
    assert fault == (
        f"slice_config.csv, row 3, column 'use': got {spelling!r}, "
        "wanted true/1/yes/y/t, false/0/no/n/f or empty"
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        ("07", 7),
        ("7.0", 7),
        ("7.", 7),
        ("007", 7),
        (" 7 ", 7),
        ("0", 0),
        ("112", 112),
        ("99999", 99999),
    ],
)
def test_ids_are_read_from_every_agreed_spelling(tmp_path: Path, text: str, number: int) -> None:
    assert SLICE_CONFIG.read(saved(tmp_path, f"slice_id\n{text}\n"))["slice_id"].tolist() == [number]


@pytest.mark.parametrize(
    "text", ["-1", "7.5", "1e1", "seven", "0x7", "７", "100000", "7,", "+7", "7_0", "nan"]
)
def test_other_ids_are_refused(tmp_path: Path, text: str) -> None:
    (fault,) = faults_of(saved(tmp_path, f'slice_id,use\n"{text}",true\n'))
    assert f"row 2, column 'slice_id': got {text!r}, wanted a whole number from 0 to 99999" in fault


def test_an_empty_id_is_refused(tmp_path: Path) -> None:
    (fault,) = faults_of(saved(tmp_path, "slice_id,use\n07,true\n,true\n"))
    assert "row 3, column 'slice_id': got ''" in fault


@pytest.mark.parametrize("text", ["-0.01", "1.01", "nan", "inf", "high", "1_0", "0,5"])
@pytest.mark.parametrize("column", ["quality_score", "galvo_confidence"])
def test_shares_beyond_0_to_1_are_refused(tmp_path: Path, column: str, text: str) -> None:
    (fault,) = faults_of(saved(tmp_path, f'slice_id,{column}\n07,"{text}"\n'))
    assert fault.endswith(f"row 2, column {column!r}: got {text!r}, wanted a number from 0 to 1 or empty")


@pytest.mark.parametrize(("text", "number"), [("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("2.5e-1", 0.25)])
def test_shares_are_read_as_numbers(tmp_path: Path, text: str, number: float) -> None:
    table = SLICE_CONFIG.read(saved(tmp_path, f"slice_id,quality_score\n07,{text}\n"))
    assert table["quality_score"].tolist() == [number]


@pytest.mark.parametrize(
    ("column", "text"),
    [("interpolation_method_used", "linear"), ("interpolation_fallback_reason", "because")],
)
def test_names_beyond_the_contract_are_refused(tmp_path: Path, column: str, text: str) -> None:
    (fault,) = faults_of(saved(tmp_path, f"slice_id,{column}\n07,{text}\n"))
    assert f"column {column!r}: got {text!r}, wanted one of " in fault


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


def test_a_slice_cannot_be_interpolated_and_failed(tmp_path: Path) -> None:
    header = "slice_id,interpolated,interpolation_failed\n"
    (fault,) = faults_of(saved(tmp_path, header + "06,true,false\n07,true,true\n"))
    assert "row 3" in fault
    assert "not both interpolated and interpolation_failed" in fault


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


def test_validate_finds_no_fault_in_valid_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = saved(tmp_path, "slice_id,use\n07,true\n")
    shifts = saved(tmp_path, "fixed_id,moving_id,x_shift,y_shift\n06,07,1.5,-2\n", "shifts_xy.csv")
    decisions = saved(
        tmp_path, "slice_id,slot_state,slot_top_um,slot_bottom_um\n07,gap,0,200\n", "stacking_decisions.csv"
    )
    assert main([str(config), str(shifts), str(decisions)]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "3 of 3 valid\n"


@pytest.mark.parametrize("header", ["slice_id,Use", "slice_id, USE ", "Slice-ID,use", "slice id,use"])
def test_a_column_that_is_ours_but_for_its_spelling_is_refused(tmp_path: Path, header: str) -> None:
    (fault,) = faults_of(saved(tmp_path, f"{header}\n07,false\n"))
    wanted = "use" if header.endswith(("Use", "USE ")) else "slice_id"
    assert fault.startswith("slice_config.csv, row 1, column ")
    assert fault.endswith(f", wanted the name {wanted!r}")


def test_a_second_spelling_of_a_column_is_refused(tmp_path: Path) -> None:
    (fault,) = faults_of(saved(tmp_path, "slice_id,use,Use\n07,true,false\n"))
    assert fault == "slice_config.csv, row 1, column 'Use': got 'Use', wanted no second 'use'"


@pytest.mark.parametrize(
    ("header", "doubts"),
    [
        ("slice_id,used", ["column 'used' has no meaning and is only kept; is 'use' meant?"]),
        ("slice_id,qualtiy_score", ["is 'quality_score' meant?"]),
        ("slice_id,use,used", []),
        ("slice_id,microscope", []),
    ],
)
def test_a_column_that_is_nearly_ours_is_doubted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], header: str, doubts: list[str]
) -> None:
    cells = ",".join(["07", *["false"] * header.count(",")])
    assert main([str(saved(tmp_path, f"{header}\n{cells}\n"))]) == 0
    *warnings, _ = capsys.readouterr().err.splitlines()
    assert len(warnings) == len(doubts)
    assert all(d in w and w.startswith("warning: ") for w, d in zip(warnings, doubts, strict=True))


def test_validate_prints_one_line_per_fault_of_every_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = saved(tmp_path, "slice_id,use\n07,true\n")
    bad = saved(tmp_path, 'slice_id,use\n07,maybe\n08,"two\nlines"\n', "slice_config_final.csv")
    shifts = saved(tmp_path, "fixed_id,moving_id,x_shift\n06,07,far\n", "shifts_xy.csv")
    assert main([str(good), str(bad), str(tmp_path / "absent.csv"), str(shifts)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith(f"{bad}, row 2, column 'use': got 'maybe'")
    assert lines[1].startswith(f"{bad}, row 3, column 'use': got 'two\\nlines'")
    assert lines[2].startswith(f"{tmp_path / 'absent.csv'}: ")
    assert lines[3].startswith(f"{shifts}, row 2, column 'x_shift': got 'far'")


def test_validate_quotes_the_value_as_it_stands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A path and a message joined as one path would swallow slashes of the message.
    assert main([str(saved(tmp_path, "slice_id,use\n07,https://a/./b\n"))]) == 1
    assert "got 'https://a/./b'" in capsys.readouterr().out


def test_validate_refuses_to_check_nothing() -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
