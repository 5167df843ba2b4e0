"""Finalisation: all manifest fragments merged into the audit trail, all or none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from schemas.manifest_fragment import FRAGMENT_COLUMNS
from soct_core.slice_config.table import merge_fragments, read, stamp_many, write
from soct_core.storage.atomic import published

COVERED_NOTE = "gap already covered by the slice above; not interpolated"
ACCEPTED_NOTE = "accepted by hand although gates failed"
NOT_ASKED_NOTE = "missing; interpolation is switched off"
_LONGER_GAP_NOTE = "part of a gap of {} slices; not interpolated"
_EXCLUDED_SOURCE_NOTE = "not interpolated, for neighbour {} is auto_excluded"
_OURS = (COVERED_NOTE, ACCEPTED_NOTE, NOT_ASKED_NOTE, _LONGER_GAP_NOTE, _EXCLUDED_SOURCE_NOTE)
_OUR_NOTES = re.compile(f"(; )?({'|'.join(map(re.escape, _OURS))})".replace(r"\{\}", r"\d+(?: and \d+)?"))


def longer_gap_note(length: int) -> str:
    """The note of the audit trail on each slice of a gap of `length` slices."""
    return _LONGER_GAP_NOTE.format(length)


def excluded_source_note(neighbours: Iterable[str]) -> str:
    """The note of the audit trail on a gap whose neighbours a quality stage excluded."""
    return _EXCLUDED_SOURCE_NOTE.format(" and ".join(neighbours))


def finalise(
    base: pd.DataFrame | Path,
    fragments: Iterable[Path],
    path_out: Path,
    notes: Mapping[int, str] | None = None,
) -> None:
    """Write `slice_config_final.csv`: the config, the outcome of every fragment, further notes.

    What an earlier run said of interpolations is cleared first: a config may be an earlier trail.

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
            table = read(base) if isinstance(base, Path) else base
            write(current, _without_former_outcomes(table))
            merge_fragments(current, fragments, merged)
            stamp_many(merged, partial, {i: {"notes": n} for i, n in (notes or {}).items()})
        finally:
            current.unlink(missing_ok=True)
            merged.unlink(missing_ok=True)


def is_trail_of(path: Path, config: Path) -> bool:
    """Whether a file is an audit trail made from a config: it differs by interpolations only.

    Raises
    ------
    SliceConfigError
        If one of them is broken.
    """
    trail, base = (_without_former_outcomes(read(each)) for each in (path, config))
    kept = trail[trail["slice_id"].isin(base["slice_id"])].reset_index(drop=True)
    said = [str(name) for name in base.columns if base[name].notna().any() and name not in FRAGMENT_COLUMNS]
    if not set(said) <= set(kept.columns) or len(kept) != len(base):
        return False
    same = kept[said].astype(str).eq(base.reset_index(drop=True)[said].astype(str))
    return bool(same.all(axis=None))


def _without_former_outcomes(table: pd.DataFrame) -> pd.DataFrame:
    cleared = table.copy()
    for name in FRAGMENT_COLUMNS:
        if name != "slice_id" and name in table:
            cleared[name] = pd.Series(
                pd.NA if table[name].dtype == "boolean" else "", index=table.index, dtype=table[name].dtype
            )
    if "notes" in table:
        cleared["notes"] = [_OUR_NOTES.sub("", note).removeprefix("; ") for note in table["notes"].fillna("")]
    return cleared
