"""Scores and exclusions written into a slice config; what others wrote there stays."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from schemas.quality import SliceQuality
from soct_core import slice_config
from soct_core.slice_config.table import Cell

MARK = "assess: "
"""How a reason begins that was written here: only such exclusions are ever lifted again."""


def with_quality(
    table: pd.DataFrame, qualities: Mapping[int, SliceQuality], *, exclude: bool
) -> pd.DataFrame:
    """The slice config with `quality_score` of the slices assessed, and their exclusion if asked for.

    Parameters
    ----------
    table
        A slice config; all else in it stays as it is.
    qualities
        By slice.
    exclude
        Whether slices below their limit are excluded, and those that were and no longer are, released.
        What another stage excluded stays excluded, with its reason.
    """
    updates: dict[int | str, dict[str, Cell]] = {}
    for slice_id, quality in qualities.items():
        updates[slice_id] = {"quality_score": quality.quality_score}
        if exclude:
            updates[slice_id] |= _exclusion(table[table["slice_id"] == slice_id], quality)
    return slice_config.stamp_table(table, updates)


def reason_of(quality: SliceQuality) -> str:
    """Why a slice is excluded, in one line."""
    return f"{MARK}score {quality.quality_score}: {'; '.join(quality.reasons) or 'several aspects together'}"


def excluded_by(table: pd.DataFrame) -> tuple[int, ...]:
    """Slices that a slice config excludes automatically, by whichever stage."""
    flags = table["auto_excluded"].fillna(False).astype(bool)
    return tuple(int(i) for i in table.loc[flags, "slice_id"])


def _exclusion(row: pd.DataFrame, quality: SliceQuality) -> dict[str, Cell]:
    excluded = "auto_excluded" in row and bool(row["auto_excluded"].fillna(False).any())
    reasons = row["auto_exclude_reason"].fillna("").tolist() if "auto_exclude_reason" in row else []
    ours = any(str(reason).startswith(MARK) for reason in reasons)
    if excluded and not ours:
        return {}
    if quality.below_limit:
        return {"auto_excluded": True, "auto_exclude_reason": reason_of(quality)}
    return {"auto_excluded": False, "auto_exclude_reason": ""} if ours else {}
