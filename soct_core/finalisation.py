"""Finalisation: all manifest fragments merged into the audit trail, all or none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import pandas as pd

from schemas.manifest_fragment import FRAGMENT_COLUMNS
from soct_core import slice_config
from soct_core.atomic import published

FINAL_NAME = "slice_config_final.csv"
COVERED_NOTE = "gap already covered by the slice above; not interpolated"


def finalise(
    base: pd.DataFrame | Path,
    fragments: Iterable[Path],
    path_out: Path,
    notes: Mapping[int, str] | None = None,
    used: Collection[int] = (),
) -> None:
    """Write `slice_config_final.csv`: the config, the outcome of every fragment, further notes.

    Slices in `used` are measured: what an earlier run said of their interpolation is cleared.

    Raises
    ------
    FragmentError
        If a fragment is broken, foreign or there twice; nothing is written then.
    SliceConfigError
        If the config is broken; nothing is written then.
    """
    with published(path_out) as partial:
        current = partial.with_name(f"{partial.name}-in")
        merged = partial.with_name(f"{partial.name}-merged")
        try:
            table = slice_config.read(base) if isinstance(base, Path) else base
            slice_config.write(current, _without_former_outcomes(table, used))
            slice_config.merge_fragments(current, fragments, merged)
            slice_config.stamp_many(merged, partial, {i: {"notes": n} for i, n in (notes or {}).items()})
        finally:
            current.unlink(missing_ok=True)
            merged.unlink(missing_ok=True)


def _without_former_outcomes(table: pd.DataFrame, used: Collection[int]) -> pd.DataFrame:
    columns = [name for name in FRAGMENT_COLUMNS if name != "slice_id" and name in table]
    cleared = table.copy()
    rows = cleared["slice_id"].isin(list(used))
    for name in columns:
        cleared.loc[rows, name] = pd.NA if cleared[name].dtype == "boolean" else ""
    return cleared
