"""Operations on `slice_config.csv`, the audit trail: from an in path to an out path, never in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from schemas.slice_id import format_slice_id, parse_slice_id
from schemas.tables.csv_cells import inert
from schemas.tables.csv_table import TableFaults
from schemas.tables.slice_config import CANONICAL_COLUMNS, SLICE_CONFIG
from soct_core.errors import FragmentError, SliceConfigError, unreadable
from soct_core.slice_config.fragments import read_fragment
from soct_core.storage.atomic import publish_text

Cell = str | float | bool | None


def read(path: str | Path) -> pd.DataFrame:
    """Read a slice config.

    Parameters
    ----------
    path : str or Path
        A CSV file; only the column `slice_id` must be there.

    Returns
    -------
    DataFrame
        One row a slice, sorted by id. Known columns are typed (`Int64`, `boolean`, float, text),
        others hold their text.

    Raises
    ------
    SliceConfigError
        Naming file, row, column, the value seen and the value wanted, for every fault.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from soct_core import slice_config
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "slice_config.csv")
    ...     _ = path.write_text("slice_id,use\\n07,no\\n6,yes\\n")
    ...     table = slice_config.read(path)
    >>> table["slice_id"].tolist(), table["use"].tolist()
    ([6, 7], [True, False])
    """
    path = Path(path)
    try:
        table = SLICE_CONFIG.read(path)
    except TableFaults as error:
        raise SliceConfigError(error.summary) from error
    except OSError as error:
        raise unreadable(path, error, SliceConfigError) from error
    return _in_order(table)


def write(path: str | Path, table: pd.DataFrame) -> None:
    """Write a slice config atomically: canonical columns first, rows sorted by id as numbers.

    Parameters
    ----------
    path : str or Path
        A CSV file; what is there is replaced.
    table : DataFrame
        One row a slice, as `read` and `from_ids` give it; canonical columns that it lacks are written empty.

    Raises
    ------
    SliceConfigError
        If the table does not satisfy the schema; nothing is written then.
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from soct_core import slice_config
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "slice_config.csv")
    ...     slice_config.write(path, slice_config.from_ids([8, 7]))
    ...     lines = path.read_text().splitlines()
    >>> lines[0][:26], lines[1].rstrip(","), lines[2].rstrip(",")
    ('slice_id,use,quality_score', '07,true', '08,true')
    """
    try:
        text = SLICE_CONFIG.to_csv(_in_order(_with_canonical_columns(table)))
    except TableFaults as error:
        raise SliceConfigError(f"{path}: not written: {error.summary}") from error
    publish_text(Path(path), text)


def from_ids(ids: Iterable[int]) -> pd.DataFrame:
    """Make the slice config of an acquisition that has none: every slice found is used.

    Parameters
    ----------
    ids : iterable of int
        Slices found, in any order.

    Returns
    -------
    DataFrame
        One row a slice, sorted by id, all canonical columns; `use` is true, all else empty.

    Examples
    --------
    >>> from soct_core import slice_config
    >>> table = slice_config.from_ids([2, 0])
    >>> table["slice_id"].tolist(), table["use"].all().item()
    ([0, 2], True)
    """
    found = sorted(ids)
    table = _with_canonical_columns(pd.DataFrame({"slice_id": pd.array(found, dtype="Int64")}))
    return table.assign(use=pd.array([True] * len(found), dtype="boolean"))


def stamp(path_in: str | Path, path_out: str | Path, slice_id: int | str, **values: Cell) -> None:
    """Set columns of one slice and write the result elsewhere.

    Parameters
    ----------
    path_in, path_out, slice_id
        As of `stamp_many`.
    **values : str, float, bool or None
        Cells by column.

    Raises
    ------
    SliceConfigError, OutputError
        As `stamp_many`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from soct_core import slice_config
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     before, after = Path(folder, "slice_config.csv"), Path(folder, "slice_config_final.csv")
    ...     slice_config.write(before, slice_config.from_ids([6, 7]))
    ...     slice_config.stamp(before, after, "07", use=False, notes="torn")
    ...     table = slice_config.read(after)
    >>> table["use"].tolist(), table["notes"].tolist()
    ([True, False], ['', 'torn'])
    """
    stamp_many(path_in, path_out, {slice_id: values})


def stamp_many(
    path_in: str | Path, path_out: str | Path, updates: Mapping[int | str, Mapping[str, Cell]]
) -> None:
    """Set columns of several slices and write the result elsewhere.

    None empties a cell. `notes` are appended with `; `, never replaced. A slice that the config
    does not hold gets a row of its own, blank but for the columns set.

    Parameters
    ----------
    path_in, path_out : str or Path
        The config to start from, and where the result goes: two different files.
    updates : mapping
        Cells by column (str, float, bool or None), by slice id (`7` or `"07"`).

    Raises
    ------
    SliceConfigError
        If the input is broken, an id or value is invalid, or both paths are the same file.
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from soct_core import slice_config
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     before, after = Path(folder, "slice_config.csv"), Path(folder, "slice_config_final.csv")
    ...     slice_config.write(before, slice_config.from_ids([6, 8]))
    ...     slice_config.stamp_many(before, after, {7: {"interpolated": True}, 8: {"quality_score": 0.9}})
    ...     table = slice_config.read(after)
    >>> table["slice_id"].tolist(), table["interpolated"].tolist()
    ([6, 7, 8], [<NA>, True, <NA>])
    """
    path_in, path_out = Path(path_in), Path(path_out)
    if path_in.resolve() == path_out.resolve():
        raise SliceConfigError(f"{path_out}: would be written in place, wanted another output path")
    write(path_out, stamp_table(read(path_in), updates, path_out))


def stamp_table(
    table: pd.DataFrame, updates: Mapping[int | str, Mapping[str, Cell]], path: str | Path = "slice config"
) -> pd.DataFrame:
    """A slice config with columns of several slices set; see `stamp_many`.

    Parameters
    ----------
    table : DataFrame
        A slice config, as `read` gives it.
    updates : mapping
        Cells by column (str, float, bool or None), by slice id (`7` or `"07"`).
    path : str or Path
        Where it will be written, for messages.

    Returns
    -------
    DataFrame
        Another table, new rows last; the one given is left as it is.

    Raises
    ------
    SliceConfigError
        If an id or value is invalid.

    Examples
    --------
    >>> from soct_core import slice_config
    >>> table = slice_config.stamp_table(slice_config.from_ids([6, 8]), {7: {"interpolated": True}})
    >>> table["slice_id"].tolist(), table["interpolated"].tolist()
    ([6, 8, 7], [<NA>, <NA>, True])
    """
    table = _with_canonical_columns(table)
    for slice_id, values in updates.items():
        try:
            number = parse_slice_id(slice_id)
        except ValueError as error:
            raise SliceConfigError(f"{path}: {error}") from error
        table = _stamped(table, number, values)
    return table


def merge_fragments(path_in: str | Path, fragments: Iterable[str | Path], path_out: str | Path) -> None:
    """Stamp the outcome of every manifest fragment onto the config.

    Parameters
    ----------
    path_in, path_out : str or Path
        The config to start from, and where the result goes: two different files.
    fragments : iterable of str or Path
        One-row CSV files, one for each slice that was attempted.

    Raises
    ------
    FragmentError
        If a fragment is broken, foreign or there twice; nothing is written then.
    SliceConfigError
        If the config is broken.
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from schemas.manifest_fragment import ManifestFragment
    >>> from soct_core import slice_config
    >>> from soct_core.slice_config.fragments import write_fragment
    >>> failed = {"interpolation_failed": True, "interpolation_fallback_reason": "low_overlap_ncc"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     before, after = Path(folder, "slice_config.csv"), Path(folder, "slice_config_final.csv")
    ...     fragment = Path(folder, "slice_z07_manifest.csv")
    ...     slice_config.write(before, slice_config.from_ids([6, 8]))
    ...     write_fragment(fragment, ManifestFragment(slice_id=7, interpolated=False, **failed))
    ...     slice_config.merge_fragments(before, [fragment], after)
    ...     table = slice_config.read(after).set_index("slice_id")
    >>> table.loc[7, "interpolation_fallback_reason"]
    'low_overlap_ncc'
    """
    updates: dict[int | str, dict[str, Cell]] = {}
    origin: dict[int | str, Path] = {}
    for path in map(Path, fragments):
        fragment = read_fragment(path)
        if fragment.slice_id in origin:
            other = origin[fragment.slice_id].name
            raise FragmentError(f"{path}: slice {format_slice_id(fragment.slice_id)} is in {other} too")
        origin[fragment.slice_id] = path
        updates[fragment.slice_id] = {
            name: value for name, value in fragment.model_dump().items() if name != "slice_id"
        }
    stamp_many(path_in, path_out, updates)


def _stamped(table: pd.DataFrame, slice_id: int, values: Mapping[str, Cell]) -> pd.DataFrame:
    if not (table["slice_id"] == slice_id).any():
        row = pd.DataFrame({"slice_id": pd.array([slice_id], dtype="Int64")})
        table = pd.concat([table, row], ignore_index=True)
    table = table.reset_index(drop=True)
    at = table.index[table["slice_id"] == slice_id][0]
    for column, value in values.items():
        if column == "slice_id":
            raise SliceConfigError(f"slice {format_slice_id(slice_id)}: its id cannot be stamped")
        if column not in table:
            table[column] = pd.Series("", index=table.index, dtype=object)
        if column == "notes" and value:
            old = table.at[at, "notes"]
            said = old.split("; ") if isinstance(old, str) and old else []
            again = {str(value), inert(str(value))} & set(said)
            value = "; ".join(said if again else [*said, str(value) if said else inert(str(value))])
        kind = SLICE_CONFIG.columns.get(column)
        if kind is not None and kind.dtype == "boolean" and not isinstance(value, (bool, type(None))):
            raise SliceConfigError(
                f"slice {format_slice_id(slice_id)}, column {column!r}: got {value!r}, wanted true or false"
            )
        try:
            table.at[at, column] = pd.NA if value is None else value
        except (TypeError, ValueError) as error:
            raise SliceConfigError(
                f"slice {format_slice_id(slice_id)}, column {column!r}: got {value!r}, wanted another type"
            ) from error
    return table


def _with_canonical_columns(table: pd.DataFrame) -> pd.DataFrame:
    missing = {
        name: pd.Series(pd.NA if kind.dtype != "object" else "", index=table.index, dtype=kind.dtype)
        for name, kind in SLICE_CONFIG.columns.items()
        if name not in table
    }
    others = [name for name in table.columns if name not in CANONICAL_COLUMNS]
    return table.assign(**missing)[[*CANONICAL_COLUMNS, *others]]


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values("slice_id", kind="stable").reset_index(drop=True)
