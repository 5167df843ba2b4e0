"""The slice config table: its columns, the names it knows, and outcomes that exclude each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from saved_tables import faults_of, saved

from schemas.tables.slice_config import CANONICAL_COLUMNS

SPEC_COLUMNS = (
    "slice_id,use,quality_score,galvo_confidence,galvo_fix,rehomed,rehoming_reliable,auto_excluded,"
    "auto_exclude_reason,interpolated,interpolation_failed,interpolation_method_used,"
    "interpolation_fallback_reason,notes"
)


def test_canonical_columns_stand_in_the_order_of_the_contract() -> None:
    assert ",".join(CANONICAL_COLUMNS) == SPEC_COLUMNS


@pytest.mark.parametrize(
    ("column", "text"),
    [("interpolation_method_used", "linear"), ("interpolation_fallback_reason", "because")],
)
def test_names_beyond_the_contract_are_refused(tmp_path: Path, column: str, text: str) -> None:
    (fault,) = faults_of(saved(tmp_path, f"slice_id,{column}\n07,{text}\n"))
    assert f"column {column!r}: got {text!r}, wanted one of " in fault


def test_a_slice_cannot_be_interpolated_and_failed(tmp_path: Path) -> None:
    header = "slice_id,interpolated,interpolation_failed\n"
    (fault,) = faults_of(saved(tmp_path, header + "06,true,false\n07,true,true\n"))
    assert "row 3" in fault
    assert "not both interpolated and interpolation_failed" in fault
