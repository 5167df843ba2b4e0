"""Which slices a slice config uses, and which may steer the stack."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from soct_core.slice_config.table import read


def filter_slices_to_use(config: str | Path | pd.DataFrame) -> set[int]:
    """Ids that are not excluded: `use` is true, or empty.

    Parameters
    ----------
    config : str, Path or DataFrame
        A slice config, or the file that holds it.

    Returns
    -------
    set of int

    Raises
    ------
    SliceConfigError
        If the file is broken.

    Examples
    --------
    >>> from soct_core import slice_config
    >>> table = slice_config.from_ids([6, 7, 8])
    >>> table.loc[1, "use"] = False
    >>> sorted(slice_config.filter_slices_to_use(table))
    [6, 8]
    """
    table = config if isinstance(config, pd.DataFrame) else read(config)
    return _ids(table, ~_flag(table, "use", empty=True), negate=True)


def force_skip_slices(config: str | Path | pd.DataFrame) -> set[int]:
    """Ids whose transforms must not steer the stack: `use=false` or `auto_excluded=true`.

    Parameters
    ----------
    config : str, Path or DataFrame
        A slice config, or the file that holds it.

    Returns
    -------
    set of int

    Raises
    ------
    SliceConfigError
        If the file is broken.

    Examples
    --------
    >>> from soct_core import slice_config
    >>> table = slice_config.from_ids([6, 7, 8])
    >>> table.loc[2, "auto_excluded"] = True
    >>> sorted(slice_config.force_skip_slices(table))
    [8]
    """
    table = config if isinstance(config, pd.DataFrame) else read(config)
    return _ids(table, ~_flag(table, "use", empty=True) | _flag(table, "auto_excluded", empty=False))


def _ids(table: pd.DataFrame, rows: pd.Series, negate: bool = False) -> set[int]:
    return {int(i) for i in table.loc[~rows if negate else rows, "slice_id"]}


def _flag(table: pd.DataFrame, column: str, *, empty: bool) -> pd.Series:
    if column not in table:
        return pd.Series(empty, index=table.index)
    return table[column].fillna(empty).astype(bool)
