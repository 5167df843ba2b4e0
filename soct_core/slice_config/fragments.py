"""Manifest fragments: one-row CSV files, all that a parallel task tells the audit trail."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from schemas.manifest_fragment import FRAGMENT_COLUMNS, ManifestFragment
from schemas.slice_id import format_slice_id
from schemas.tables.csv_table import CsvTable, TableFaults
from schemas.tables.slice_config import SLICE_CONFIG
from soct_core.errors import FragmentError, unreadable
from soct_core.file_names import named_fragment_id
from soct_core.storage.atomic import publish_text

_TABLE = CsvTable(
    columns={name: SLICE_CONFIG.columns[name] for name in FRAGMENT_COLUMNS}, required=FRAGMENT_COLUMNS
)

_OF_LINUMPY = CsvTable(
    columns={
        "slice_id": _TABLE.columns["slice_id"],
        "method_used": _TABLE.columns["interpolation_method_used"],
        "fallback_reason": _TABLE.columns["interpolation_fallback_reason"],
        "interpolation_failed": _TABLE.columns["interpolation_failed"],
    },
    required=("slice_id", "method_used", "fallback_reason"),
)
"""The fragments of linumpy's `linum_interpolate_missing_slice`; early ones know no failure."""


def find_fragments(directory: Path) -> list[Path]:
    """All manifest fragments in a directory, in the order of their names; a file is one itself."""
    if directory.is_file():
        return [directory]
    return sorted(p for p in directory.glob("*_manifest.csv") if not p.name.startswith("."))


def write_fragment(path: Path, fragment: ManifestFragment) -> None:
    """Write a fragment atomically."""
    row = {name: [pd.NA if value is None else value] for name, value in fragment.model_dump().items()}
    publish_text(path, _TABLE.to_csv(pd.DataFrame(row, dtype=object)[list(FRAGMENT_COLUMNS)]))


def read_fragment(path: Path) -> ManifestFragment:
    """Read one fragment.

    Raises
    ------
    FragmentError
        If the file is broken, holds other columns or not exactly one row, contradicts itself,
        or is named after another slice.
    """
    try:
        table = _from_linumpy(_OF_LINUMPY.read(path)) if _is_of_linumpy(path) else _TABLE.read(path)
    except TableFaults as error:
        raise FragmentError(error.summary) from error
    except OSError as error:
        raise unreadable(path, error, FragmentError) from error
    foreign = [name for name in table.columns if name not in FRAGMENT_COLUMNS]
    if foreign:
        raise FragmentError(f"{path}: column {foreign[0]!r} is foreign, wanted {', '.join(FRAGMENT_COLUMNS)}")
    if len(table) != 1:
        raise FragmentError(f"{path}: holds {len(table)} rows, wanted exactly one")
    cells = {str(name): None if pd.isna(cell) or cell == "" else cell for name, cell in table.iloc[0].items()}
    try:
        fragment = ManifestFragment.model_validate(cells)
    except ValidationError as error:
        raise FragmentError(f"{path}, row 2: {error.errors()[0]['msg']}") from error
    named = named_fragment_id(path)
    if named is not None and named != fragment.slice_id:
        seen, wanted = format_slice_id(fragment.slice_id), format_slice_id(named)
        raise FragmentError(f"{path}: holds slice {seen}, wanted {wanted}")
    return fragment


def _is_of_linumpy(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.readline(1000).decode("utf-8-sig", "replace").strip().split(",")
    return set(_OF_LINUMPY.required) <= set(header)


def _from_linumpy(table: pd.DataFrame) -> pd.DataFrame:
    """The same in our columns; the method asked for and the path of the output say nothing more."""
    failed = (
        table["interpolation_failed"] if "interpolation_failed" in table else pd.Series(False, table.index)
    )
    failed = failed.fillna(False).astype(bool)
    return pd.DataFrame(
        {
            "slice_id": table["slice_id"],
            "interpolated": ~failed,
            "interpolation_failed": failed,
            "interpolation_method_used": table["method_used"].mask(failed),
            "interpolation_fallback_reason": table["fallback_reason"].where(failed),
        }
    )
