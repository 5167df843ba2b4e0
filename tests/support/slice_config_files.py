"""Slice configs and fragments on disk, read by the standard library and not by the code under test."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from schemas.manifest_fragment import ManifestFragment
from soct_core.file_names import fragment_name
from soct_core.slice_config.fragments import write_fragment

Row = dict[str, str]
CONFIG = (
    "slice_id,use,quality_score,notes,operator\n"
    '06,true,0.75,,"Ada, ""A"""\n'
    "07,false,,blurred,007\n"
    "08,true,0.5,first cut; kept,\n"
)


def rows_of(path: Path) -> list[Row]:
    """The cells of a CSV file by the standard library, not by the code under test."""
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def fragment(folder: Path, slice_id: int, **cells: Any) -> Path:
    """A fragment of a slice that was interpolated, unless the cells say otherwise."""
    outcome = {"interpolated": True, "interpolation_failed": False, "interpolation_method_used": "zmorph"}
    path = folder / fragment_name(slice_id)
    write_fragment(path, ManifestFragment.model_validate({"slice_id": slice_id, **outcome, **cells}))
    return path


def failure(folder: Path, slice_id: int, reason: str = "low_overlap_ncc") -> Path:
    """A fragment of a slice that was given up."""
    return fragment(
        folder,
        slice_id,
        interpolated=False,
        interpolation_failed=True,
        interpolation_method_used=None,
        interpolation_fallback_reason=reason,
    )


def changed(before: Path, after: Path) -> dict[tuple[str, str], str]:
    """Cells that two files do not share, by slice and column; rows that are new as a whole."""
    old = {row["slice_id"]: row for row in rows_of(before)}
    return {
        (row["slice_id"], name): cell
        for row in rows_of(after)
        for name, cell in row.items()
        if cell != old.get(row["slice_id"], {}).get(name, "")
    }
