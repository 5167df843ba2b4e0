"""Whether the volume's provenance says what the audit trail and the stacking decisions say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from schemas.slice_id import format_slice_id
from schemas.tables.csv_table import TableFaults
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from soct_core import slice_config
from soct_core.errors import SoctError
from soct_core.volume import Volume, open_volume
from soct_core.volume.provenance import BLEND, GAP, INTERPOLATED, LABEL_NAME, MEASURED

Row = Mapping[str, Any]
_ALLOWED = {
    "measured": {GAP, MEASURED, BLEND},
    "interpolated": {GAP, INTERPOLATED},
    "gap": {GAP},
}
"""GAP is allowed beside data: pixels of the canvas that a moved slice does not cover."""


@dataclass(frozen=True)
class _Run:
    """Planes in a row that should hold the same labels."""

    state: str
    first: int
    last: int
    what: str

    @property
    def samples(self) -> list[int]:
        """Its first, middle and last plane."""
        return sorted({self.first, (self.first + self.last) // 2, self.last})


def provenance_problems(
    trail: Path, decisions: Path, volume: Path, uncertainty: Path | None = None
) -> tuple[int, list[str]]:
    """Slots checked, and every contradiction between trail, decisions, labels and uncertainty of the volume.

    Of each slot three planes are read, whatever its depth.
    """
    try:
        rows: list[Row] = STACKING_DECISIONS.read(decisions).to_dict("records")  # type: ignore[assignment]
        table = slice_config.read(trail)
        said: dict[int, Row] = {int(row["slice_id"]): row for row in table.to_dict("records")}  # type: ignore[misc]
        values, labels = open_volume(volume), open_volume(volume / "labels" / LABEL_NAME)
        if values.shape != labels.shape:
            return 0, [f"{volume.name}: shape {values.shape}, but its provenance has {labels.shape}"]
        problems = [
            *_trail_problems(rows, said),
            *_label_problems(_runs(rows, labels.shape[0]), values, labels),
            *([] if uncertainty is None else _uncertainty_problems(uncertainty, rows, labels)),
        ]
    except (SoctError, OSError) as error:
        return 0, [str(error)]
    except TableFaults as error:
        return 0, [error.summary]
    return len(rows), problems


def _trail_problems(rows: list[Row], said: Mapping[int, Row]) -> Iterator[str]:
    for row in rows:
        slice_id, state = int(row["slice_id"]), row["slot_state"]
        trail = said.get(slice_id, {})
        name = f"slot {format_slice_id(slice_id)}"
        interpolated = _is(trail, "interpolated")
        if interpolated != (state == "interpolated"):
            claim = "interpolated" if interpolated else "not interpolated"
            yield f"{name}: the trail says {claim}, the decisions {state}"
        own = state == "measured" and not pd.isna(row["z_first"]) and row.get("pose_source", "") != ""
        if own and trail.get("use") is not pd.NA and trail.get("use") in (False,):
            yield f"{name}: the trail excludes it, the decisions say measured"


def _is(row: Row, column: str) -> bool:
    value = row.get(column)
    return not pd.isna(value) and bool(value)


def _runs(rows: list[Row], depth: int) -> Iterator[_Run]:
    """All planes of the volume, by what the decisions say of them."""
    end = 0
    for row in sorted((r for r in rows if not pd.isna(r["z_first"])), key=lambda r: float(r["z_first"])):
        first, last = int(row["z_first"]), int(row["z_last"])
        if first > end:
            yield _Run("gap", end, first - 1, f"gap at planes {end} to {first - 1}")
        yield _Run(row["slot_state"], first, last, f"slot {format_slice_id(int(row['slice_id']))}")
        end = max(end, last + 1)
    if end < depth:
        yield _Run("gap", end, depth - 1, f"gap at planes {end} to {depth - 1}")


def _label_problems(runs: Iterator[_Run], values: Volume, labels: Volume) -> Iterator[str]:
    for run in runs:
        if not 0 <= run.first <= run.last < labels.shape[0]:
            yield f"{run.what}: planes {run.first} to {run.last} of a volume of {labels.shape[0]}"
            continue
        seen = {int(label) for z in run.samples for label in np.unique(labels[z])}
        allowed = _ALLOWED[run.state]
        if seen - allowed:
            yield f"{run.what}: is {run.state}, but provenance holds {_listed(seen - allowed)}"
        elif run.state != "gap" and not seen - {GAP}:
            yield f"{run.what}: is {run.state}, but provenance says that nothing is there"
        if run.state == "gap" and any(values[z].any() for z in run.samples):
            yield f"{run.what}: holds voxels that nobody measured"


def _uncertainty_problems(path: Path, rows: list[Row], labels: Volume) -> Iterator[str]:
    """Half widths, none negative, belong to all interpolated voxels and to no others."""
    half = open_volume(path)
    if half.shape != labels.shape:
        yield f"{path.name}: shape {half.shape}, but the volume has {labels.shape}"
        return
    for run in _runs(rows, labels.shape[0]):
        for z in run.samples if 0 <= run.first <= run.last < labels.shape[0] else ():
            if ((half[z] >= 0) != (labels[z] == INTERPOLATED)).any():
                yield f"{run.what}: is {run.state}, but {path.name} says otherwise in plane {z}"


def _listed(labels: set[int]) -> str:
    return ", ".join(map(str, sorted(labels)))
