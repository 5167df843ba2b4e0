"""Stacking decisions: every plane that is filled is in a row, and the row says by whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from schemas.settings import ReconstructSettings
from soct_core.acquisition.slots import Slots
from soct_core.stacking.assembly import assemble, decisions_table
from soct_core.stacking.inputs import StackInput

VOXEL = (50.0, 25.0, 25.0)


def rows_of(depths: Mapping[int, int], trusted_um: float) -> dict[int, dict[str, Any]]:
    """Rows of slices of so many planes, in slots of four, each at its place."""
    recipe = ReconstructSettings(usable_depth_um=trusted_um).stack_recipe
    given = StackInput(
        measured={i: np.ones((nz, 8, 8), np.uint16) for i, nz in depths.items()},
        interpolated={},
        pairs=(),
        z_drifts=(),
        skip=frozenset(),
        slots=Slots(min(depths), recipe.slicing_interval_um, VOXEL[0], trusted_um),
        voxel_size_um=VOXEL,
        reasons={},
    )
    table = decisions_table(given, assemble(given, recipe), {})
    return {int(row["slice_id"]): row for row in table.to_dict("records")}


@pytest.mark.parametrize(
    ("depths", "trusted_um", "wanted"),
    [
        ({0: 4, 1: 4, 2: 4}, 200.0, {0: (0, 3, ""), 1: (4, 7, ""), 2: (8, 11, "")}),
        ({0: 4, 1: 2, 2: 4}, 200.0, {0: (0, 3, ""), 1: (4, 5, ""), 2: (8, 11, "")}),
        ({0: 8, 1: 2, 2: 4}, 400.0, {1: (4, 7, "planes 6 to 7 are of slice 00"), 2: (8, 11, "")}),
        ({0: 7, 1: 2, 2: 4}, 400.0, {1: (4, 6, "planes 6 to 6 are of slice 00")}),
        ({0: 14, 1: 2, 3: 4}, 600.0, {2: (8, 11, "covered by slice 00, which is trusted that deep")}),
        ({0: 11, 1: 2, 3: 4}, 600.0, {2: (8, 10, "missing; planes 8 to 10 are of slice 00")}),
        ({0: 6, 1: 2, 3: 4}, 400.0, {1: (4, 5, ""), 2: (None, None, "missing")}),
        ({0: 7, 3: 4}, 400.0, {1: (4, 6, "planes 4 to 6 are of slice 00"), 2: (None, None, "")}),
    ],
)  # fmt: skip
def test_who_fills_which_planes(
    depths: dict[int, int], trusted_um: float, wanted: dict[int, tuple[int | None, int | None, str]]
) -> None:
    rows = rows_of(depths, trusted_um)
    for slice_id, (first, last, reason) in wanted.items():
        row = rows[slice_id]
        if first is None:
            assert row["slot_state"] == "gap"
            assert np.isnan(row["z_first"])
        else:
            assert (row["slot_state"], row["z_first"], row["z_last"]) == ("measured", first, last)
        assert reason in row["reasons"]
        assert ("of slice" in reason) == ("of slice" in row["reasons"])
