"""Corrections: the command with which a user begins one, and what the methods text says of those made."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from schemas.pairwise import PairwiseMetrics
from schemas.run_record import Fingerprint
from soct_core.file_names import PAIRS, SLICE_NAME, SLICES_FOLDER, TRANSFORM_ITK, manual_path, pair_name
from soct_core.report.counts import counted
from soct_core.report.run_data import RegisteredPair, Row

_IDENTITY = (
    "#Insight Transform File V1.0",
    "#Transform 0",
    "Transform: AffineTransform_double_2_2",
    "Parameters: 1 0 0 1 0 0",
    "FixedParameters: 0 0",
)


def correction_command(metrics: PairwiseMetrics, inputs: Iterable[Fingerprint]) -> str:
    """A line for a shell in the directory of the report.

    The pair's own transform is copied into the acquisition; where registration failed, the identity is
    written. Empty where the pair is set by hand already, or where the acquisition is not known.
    """
    slices = (PurePosixPath(given.path) for given in inputs)
    first = next((path for path in slices if SLICE_NAME.fullmatch(path.name)), None)
    if first is None or metrics.source == "manual":
        return ""
    home = first.parent.parent if first.parent.name == SLICES_FOLDER else first.parent
    target = home / manual_path(metrics.fixed_id, metrics.moving_id)
    if metrics.translation_x is None:
        lines = " ".join(map(shlex.quote, _IDENTITY))
        make = f"printf '%s\\n' {lines} > {shlex.quote(str(target))}"
    else:
        own = f"{PAIRS}/{pair_name(metrics.fixed_id, metrics.moving_id)}/{TRANSFORM_ITK}"
        make = f"cp {own} {shlex.quote(str(target))}"
    return f"mkdir -p {shlex.quote(str(target.parent))} && {make}"


def aligned_by_hand(pairs: Iterable[RegisteredPair]) -> str:
    """A sentence about pairs that were set by hand; empty if there are none."""
    by_hand = [pair for pair in pairs if pair.metrics.source == "manual"]
    said = f"{counted(len(by_hand), 'pair').capitalize()} {_was(by_hand)} aligned by hand instead. "
    return said if by_hand else ""


def kept_by_stage(rows: Sequence[Row]) -> str:
    """Sentences about slices whose pose is not all from pairs, because the user said so."""
    told = ""
    for source, what in (
        ("stage", "left where the stage had put {them}"),
        ("rotation", "placed by rotation alone"),
        ("translation", "placed by shift alone"),
    ):
        if held := [row for row in rows if row.get("pose_source") == source]:
            said = what.format(them="it" if len(held) == 1 else "them")
            told += f" {counted(len(held), 'slice').capitalize()} {_was(held)} {said}."
    return told


def _was(things: Sequence[object]) -> str:
    return "was" if len(things) == 1 else "were"
