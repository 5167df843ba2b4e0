"""The table `stacking_decisions.csv`: where each slice went in the volume, and why."""

from __future__ import annotations

from typing import Literal, get_args

from schemas.published_stack import PoseSource
from schemas.tables.csv_cells import ID, TEXT, WHOLE, choice, number
from schemas.tables.csv_table import CsvTable

SlotState = Literal["measured", "interpolated", "gap"]

_REAL = number()
STACKING_DECISIONS = CsvTable(
    columns={
        "slice_id": ID,
        "slot_state": choice(*get_args(SlotState)),
        "slot_top_um": _REAL,
        "slot_bottom_um": _REAL,
        "z_first": WHOLE,
        "z_last": WHOLE,
        "z_residual_um": _REAL,
        "pose_rotation_deg": _REAL,
        "pose_translation_x_px": _REAL,
        "pose_translation_y_px": _REAL,
        "pose_source": choice(*get_args(PoseSource)),
        "pair_weight_above": number(0, 1, wanted="a number from 0 to 1"),
        "pair_weight_below": number(0, 1, wanted="a number from 0 to 1"),
        "confidence": number(0, 1, wanted="a number from 0 to 1"),
        "part": WHOLE,
        "cut_confidence": number(0, 1, wanted="a number from 0 to 1"),
        "intensity_factor": number(0),
        "reasons": TEXT,
    },
    required=("slice_id", "slot_state", "slot_top_um", "slot_bottom_um"),
    unique=("slice_id",),
)
