"""The line of slots: what every slot is, gaps between slices included."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from soct_core.report.run_data import RunData
from soct_core.report.slots_line import slots_of
from soct_core.slice_config.finalise import COVERED_NOTE


@pytest.mark.parametrize(
    ("used", "rows", "wanted"),
    [
        ((0, 1, 3), {}, ["00 measured", "01 measured", "02 gap", "03 measured"]),
        ((3, 4), {1, 4, 40}, ["01 excluded", "03 measured", "04 measured", "40 excluded"]),
        ((3, 12), {3}, ["03 measured", "04 to 11 gap", "12 measured"]),
        ((3, 11), {3}, ["03 measured", "04 to 10 gap", "11 measured"]),
        ((3, 10), {3}, ["03 measured", *(f"{i:02d} gap" for i in range(4, 10)), "10 measured"]),
        ((0, 1, 3), {2}, ["00 measured", "01 measured", "02 covered", "03 measured"]),
        ((), {3, 5}, ["03 excluded", "04 gap", "05 excluded"]),
    ],
)
def test_gaps_lie_between_slices(used: tuple[int, ...], rows: set[int], wanted: list[str]) -> None:
    trail = {slice_id: {"slice_id": slice_id, "use": slice_id in used} for slice_id in rows}
    if "02 covered" in wanted:
        trail[2]["notes"] = f"mine; {COVERED_NOTE}"
    reading = SimpleNamespace(
        used=used, trail=trail, gaps=(), record=SimpleNamespace(gaps=SimpleNamespace(single=()))
    )
    slots = slots_of(cast("RunData", reading))
    assert [f"{slot.name} {slot.kind}" for slot in slots] == wanted
