"""Cells of CSV tables: every agreed spelling is read, and others are refused with what is wanted."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from saved_tables import faults_of, saved

from schemas.tables.slice_config import SLICE_CONFIG


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
