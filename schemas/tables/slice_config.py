"""The table `slice_config.csv`: one row a slice, the audit trail of a reconstruction."""

from __future__ import annotations

from typing import get_args

import pandas as pd

from schemas.diagnostics import FallbackReason
from schemas.settings import Method
from schemas.tables.csv_cells import BOOL, ID, TEXT, choice, number
from schemas.tables.csv_table import CsvTable

_SHARE = number(0, 1, wanted="a number from 0 to 1")


def _one_outcome(table: pd.DataFrame) -> pd.Series:
    outcomes = ("interpolated", "interpolation_failed")
    both = pd.Series(True, index=table.index)
    for column in outcomes:
        both &= table[column].fillna(False).astype(bool) if column in table else False
    return ~both


SLICE_CONFIG = CsvTable(
    columns={
        "slice_id": ID,
        "use": BOOL,
        "quality_score": _SHARE,
        "galvo_confidence": _SHARE,
        "galvo_fix": BOOL,
        "rehomed": BOOL,
        "rehoming_reliable": BOOL,
        "auto_excluded": BOOL,
        "auto_exclude_reason": TEXT,
        "interpolated": BOOL,
        "interpolation_failed": BOOL,
        "interpolation_method_used": choice(*get_args(Method)),
        "interpolation_fallback_reason": choice(*get_args(FallbackReason)),
        "notes": TEXT,
    },
    required=("slice_id",),
    unique=("slice_id",),
    of_others=("exclude_reason",),
    row_checks=((_one_outcome, "not both interpolated and interpolation_failed"),),
)
CANONICAL_COLUMNS = tuple(SLICE_CONFIG.columns)
