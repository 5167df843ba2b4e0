"""What a run left on disk, read back for the report; what cannot be read is named, not fatal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from schemas.diagnostics import InterpolationDiagnostics
from schemas.pairwise import PairwiseMetrics
from schemas.reportlets import GapReportlet, PairReportlet, StackReportlet
from schemas.run_record import RunRecord
from schemas.tables.csv_table import TableFaults
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from soct_core import slice_config
from soct_core.errors import SoctError
from soct_core.file_names import (
    DECISIONS_PATH,
    DIAGNOSTICS_PATH,
    FINAL_NAME,
    METRICS,
    METRICS_PATH,
    PAIR_REPORTLET,
    STACK_REPORTLET_PATH,
    VOLUME_PATH,
    gap_reportlet_path,
    named_slice_id,
)
from soct_core.progress import note_loss
from soct_core.storage.records import read_record

Found = TypeVar("Found")
Row = dict[str, Any]


@dataclass(frozen=True)
class Gap:
    """One single gap that was attempted."""

    slice_id: int
    diagnostics: InterpolationDiagnostics
    reportlet: GapReportlet | None


@dataclass(frozen=True)
class RegisteredPair:
    """One pair that was registered."""

    metrics: PairwiseMetrics
    reportlet: PairReportlet | None

    @property
    def ids(self) -> tuple[int, int]:
        return self.metrics.fixed_id, self.metrics.moving_id


@dataclass(frozen=True)
class RunData:
    """All that the report is made of. Only what this very run made or found whole is in it."""

    record: RunRecord
    used: tuple[int, ...]
    """Measured slices."""
    trail: dict[int, Row]
    """Rows of `slice_config_final.csv` by id."""
    gaps: tuple[Gap, ...]
    pairs: tuple[RegisteredPair, ...]
    decisions: tuple[Row, ...]
    stack: StackReportlet | None
    has_volume: bool
    unread: tuple[str, ...]

    @property
    def interpolated(self) -> frozenset[int]:
        return frozenset(gap.slice_id for gap in self.gaps if not gap.diagnostics.interpolation_failed)

    @property
    def steering_pairs(self) -> tuple[RegisteredPair, ...]:
        """Pairs of measured slices; checks are left out."""
        return tuple(
            pair
            for pair in self.pairs
            if pair.metrics.role != "check" and not self.interpolated & set(pair.ids)
        )


def read_run(output: Path, record: RunRecord) -> RunData:
    """Read what `record` says the run made; files of earlier runs are left alone."""
    unread: list[str] = []
    made = {made.path for made in record.outputs}

    def attempt(read: Callable[[Path], Found], name: str) -> Found | None:
        if name not in made:
            return None
        try:
            return read(output / name)
        except (SoctError, TableFaults, OSError, ValueError) as error:
            note_loss(name, error)
            unread.append(" ".join(str(error).split()))
            return None

    gaps, pairs = [], []
    for name in sorted(made):
        if match := DIAGNOSTICS_PATH.fullmatch(name):
            diagnostics = attempt(lambda path: read_record(path, InterpolationDiagnostics), name)
            pictures = gap_reportlet_path(int(match[1]))
            if diagnostics is not None and diagnostics.slice_id is not None:
                seen = attempt(lambda path: read_record(path, GapReportlet), pictures)
                gaps.append(Gap(diagnostics.slice_id, diagnostics, seen))
        elif METRICS_PATH.fullmatch(name):
            metrics = attempt(lambda path: read_record(path, PairwiseMetrics), name)
            if metrics is not None:
                pictures = name.replace(METRICS, PAIR_REPORTLET)
                pairs.append(
                    RegisteredPair(metrics, attempt(lambda path: read_record(path, PairReportlet), pictures))
                )
    trail = attempt(slice_config.read, FINAL_NAME)
    decisions = attempt(STACKING_DECISIONS.read, DECISIONS_PATH)
    return RunData(
        record=record,
        used=tuple(sorted(n for i in record.inputs if (n := named_slice_id(Path(i.path))) is not None)),
        trail={} if trail is None else {row["slice_id"]: row for row in _rows(trail)},
        gaps=tuple(sorted(gaps, key=lambda gap: gap.slice_id)),
        pairs=tuple(sorted(pairs, key=lambda pair: pair.ids)),
        decisions=() if decisions is None else tuple(_rows(decisions)),
        stack=attempt(lambda path: read_record(path, StackReportlet), STACK_REPORTLET_PATH),
        has_volume=VOLUME_PATH in made,
        unread=tuple(unread),
    )


def _rows(table: pd.DataFrame) -> list[Row]:
    """Rows with `None` for empty cells and plain ints for ids."""
    plain = table.astype(object).where(table.notna(), None)
    rows: list[Row] = []
    for row in plain.to_dict("records"):
        cells = {str(name): None if cell == "" else cell for name, cell in row.items()}
        cells["slice_id"] = int(row["slice_id"])
        rows.append(cells)
    return rows
