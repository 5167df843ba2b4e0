"""The table `shifts_xy.csv`: stage shifts between slices; shift = origin(fixed) - origin(moving)."""

from __future__ import annotations

from schemas.tables.csv_cells import BOOL, ID, number
from schemas.tables.csv_table import CsvTable

STAGE_SHIFTS = CsvTable(
    columns={
        "fixed_id": ID,
        "moving_id": ID,
        "x_shift": number(),
        "y_shift": number(),
        "x_shift_mm": number(),
        "y_shift_mm": number(),
        "reliable": BOOL,
    },
    required=("fixed_id", "moving_id"),
    unique=("fixed_id", "moving_id"),
)
