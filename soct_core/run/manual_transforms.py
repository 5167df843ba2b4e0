"""Transforms set by hand, held against the pairs of a run before anything is computed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from schemas.settings import PairwiseSettings, StackSettings
from schemas.slice_id import format_slice_id
from soct_core.arrays import Zyx
from soct_core.errors import TransformError
from soct_core.gaps import detect_single_gaps
from soct_core.pairwise.by_hand import read_by_hand
from soct_core.pairwise.pairs import pairs_to_register

Ids = tuple[int, int]


def pairs_of_measured(
    measured: Collection[int], skip: Collection[int], settings: PairwiseSettings
) -> set[Ids]:
    """Pairs that a run may register, of measured slices alone, whatever becomes of its gaps."""
    single = detect_single_gaps(sorted(measured)).single
    planned = [
        pair
        for filled in ((), single)
        for pair in pairs_to_register(measured, filled, skip, checks=settings.check_pairs)
    ]
    pairs = {(pair.fixed_id, pair.moving_id) for pair in planned}
    return {pair for pair in pairs if set(pair) <= set(measured)}


def refuse_without_pair(manual: Mapping[Ids, Path], pairs: Collection[Ids]) -> None:
    """Refuse a transform of a pair that there is not.

    Raises
    ------
    TransformError
        Naming the file and the pairs that there are.
    """
    for pair in sorted(manual.keys() - set(pairs)):
        there_are = ", ".join(_named(one) for one in sorted(pairs)) or "none"
        raise TransformError(
            f"{manual[pair]}: pair {_named(pair)} does not exist; pairs of measured slices, upper first, are "
            f"{there_are}"
        )


def refuse_unusable(
    manual: Mapping[Ids, Path], voxel_size_um: Zyx, shapes: Mapping[int, tuple[int, int]]
) -> None:
    """Read every transform, so that one which cannot be used is told before anything is computed.

    Parameters
    ----------
    shapes
        Shape (y, x) of the planes of each slice, as it is registered.

    Raises
    ------
    TransformError
    """
    for (fixed, moving), path in manual.items():
        (a, b), (c, d) = shapes[fixed], shapes[moving]
        read_by_hand(path, voxel_size_um, (max(a, c), max(b, d)))


def unused_warnings(
    manual: Mapping[Ids, Path], skip: Collection[int], settings: StackSettings
) -> Iterator[str]:
    """A line for each transform that exists but places nothing, and why."""
    for pair, path in manual.items():
        name = f"{path.parent.name}/{path.name}"
        for slice_id in sorted(set(pair) & set(skip)):
            yield (
                f"{name} places nothing: slice {format_slice_id(slice_id)} is auto_excluded, and excluded "
                "slices place no others"
            )
        for slice_id in pair:
            if settings.pose_from_of(slice_id) == "stage":
                yield (
                    f"{name} places nothing: stack.pose_from leaves slice {format_slice_id(slice_id)} where "
                    "the stage put it"
                )


def _named(pair: Ids) -> str:
    return f"{format_slice_id(pair[0])}-{format_slice_id(pair[1])}"
