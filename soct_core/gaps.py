"""Gaps in a row of slice ids."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from schemas.run_record import GapRecord


def detect_single_gaps(ids: Iterable[int]) -> GapRecord:
    """Find what is missing between the first and the last of the ids.

    Exactly one missing id between two neighbours is a single gap, more in a row a multi gap.
    Ids missing before the first or after the last are no gaps.

    Parameters
    ----------
    ids : iterable of int
        Slices that are used and present, in any order; an id may be there twice.

    Returns
    -------
    GapRecord
        `single`, the ids of single gaps, and `multi`, a tuple of ids for each longer gap; both ascend.

    Examples
    --------
    >>> from soct_core.gaps import detect_single_gaps
    >>> gaps = detect_single_gaps([3, 5, 6, 9])
    >>> gaps.single, gaps.multi
    ((4,), ((7, 8),))
    """
    single: list[int] = []
    multi: list[tuple[int, ...]] = []
    for above, below in pairwise(sorted(set(ids))):
        missing = tuple(range(above + 1, below))
        if len(missing) == 1:
            single.append(missing[0])
        elif missing:
            multi.append(missing)
    return GapRecord(single=tuple(single), multi=tuple(multi))
