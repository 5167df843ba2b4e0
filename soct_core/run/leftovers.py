"""Stale outputs: what an earlier run left for slices that are no longer gaps, or no longer pairs,
and what a run that was killed left half-made.

Without this, an interpolated volume of a slice that is measured by now would be taken for a result.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection
from pathlib import Path

from soct_core.file_names import PREVIEW_SUFFIX, STATE_FOLDER
from soct_core.storage.atomic import PARTIAL_PREFIX, remove

_NAMES_OF_0_1 = ("stack/settled.json", f"{STATE_FOLDER}/seals")
_INTERPOLATION = re.compile(r"slice_z(\d+)_(?:interpolated.*|uncertainty\.ome\.zarr|manifest\.csv)", re.ASCII)
_LEFTOVER = re.compile(rf"{re.escape(PARTIAL_PREFIX)}(?:\d+-[0-9a-f]{{8}}|stale)-.+", re.ASCII)
_ASSESSED = re.compile(r"slice_z(\d+)_(?:figures|quality|reportlet)\.json", re.ASCII)
_PAIR = re.compile(r"slice_z\d+_z\d+", re.ASCII)


def remove_stale_interpolations(folder: Path, gaps: Collection[int], *, previews: bool = True) -> None:
    """Remove outputs of slices that are no single gap now, and unwanted previews; other files stay."""

    def is_stale(name: str) -> bool:
        match = _INTERPOLATION.fullmatch(name)
        unwanted = not previews and name.endswith(PREVIEW_SUFFIX)
        return match is not None and (int(match[1]) not in gaps or unwanted)

    _remove(folder, is_stale)


def remove_stale_pairs(folder: Path, pairs: Collection[str]) -> None:
    """Remove directories of pairs that are none now; other files stay."""
    _remove(folder, lambda name: bool(_PAIR.fullmatch(name)) and name not in pairs)


def remove_stale_assessments(folder: Path, slices: Collection[int]) -> None:
    """Remove what was measured and judged of slices that are not assessed now; other files stay."""

    def is_stale(name: str) -> bool:
        match = _ASSESSED.fullmatch(name)
        return match is not None and int(match[1]) not in slices

    _remove(folder, is_stale)


def remove_leftovers(output: Path) -> None:
    """Remove what runs that died left half-made, and what 0.1 left under names of its own.

    Only for who holds the lock of `output`.
    """
    for name in _NAMES_OF_0_1:
        remove(output / name)
    for folder, names, files in os.walk(output):
        for name in filter(_LEFTOVER.fullmatch, (*names, *files)):
            remove(Path(folder, name))
        # Within an image nothing is published on its own.
        names[:] = [n for n in names if not n.endswith(".zarr") and not n.startswith(PARTIAL_PREFIX)]


def _remove(folder: Path, is_stale: Callable[[str], bool]) -> None:
    for path in folder.iterdir() if folder.is_dir() else ():
        if is_stale(path.name):
            # Out of sight in one step: a half-removed store must not be seen under its name.
            aside = path.with_name(f"{PARTIAL_PREFIX}stale-{path.name}")
            remove(aside)
            path.rename(aside)
            remove(aside)
