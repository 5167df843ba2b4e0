"""Files of stage shifts, written from shifts in pixels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

Xy = tuple[float, float]
PIXEL = (20.0, 25.0)
"""Of a slice, (x, y) in µm."""


def write_shifts(
    folder: Path,
    links: Mapping[tuple[int, int], Xy],
    *,
    mm: bool = True,
    unreliable: tuple[tuple[int, int], ...] = (),
) -> Path:
    """`shifts_xy.csv` from shifts in pixels; where mm are given, pixels are nonsense."""
    rows = ["fixed_id,moving_id,x_shift,y_shift,x_shift_mm,y_shift_mm,reliable"]
    for (fixed, moving), (x, y) in links.items():
        flag = "false" if (fixed, moving) in unreliable else ""
        in_mm = f"{x * PIXEL[0] / 1000!r},{y * PIXEL[1] / 1000!r}"
        cells = f"777,-777,{in_mm}" if mm else f"{x!r},{y!r},,"
        rows.append(f"{fixed},{moving},{cells},{flag}")
    path = folder / "shifts_xy.csv"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    return path
