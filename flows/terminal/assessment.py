"""The closing table of an assessment: how many slices are good, which are not and why, where it all lies."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from rich.console import Console

from schemas.assessment import AssessOutcome, AssessResult
from schemas.slice_id import format_slice_id
from soct_core.file_names import CONFIG_NAME

_MOST_LINES = 20
"""Slices that are listed; the page has all."""


def print_assessment(console: Console, result: AssessResult) -> None:
    """Print what became of the slices, the lowest score first."""
    low = sorted((one for one in result.slices if one.below_limit), key=lambda one: one.quality_score or 0.0)
    unknown = [one for one in result.slices if one.quality_score is None]
    rows = [
        ("slices", str(len(result.slices))),
        *_listed(f"below {result.limit:g}", low),
        *(_listed("not judged", unknown) if unknown else []),
        ("auto-excluded", ", ".join(map(format_slice_id, result.excluded)) or "none"),
        ("slice config", str(result.config)),
        ("page", str(result.page)),
        *_next(result, low),
    ]
    for label, text in rows:
        console.print(f"{label:<18}{text}", markup=False, soft_wrap=True, highlight=False)


def _listed(label: str, slices: list[AssessOutcome]) -> Iterable[tuple[str, str]]:
    lines = [f"{format_slice_id(one.slice_id)}: {_score(one)}{one.reason}" for one in slices[:_MOST_LINES]]
    if len(slices) > _MOST_LINES:
        lines.append(f"and {len(slices) - _MOST_LINES} more")
    return [(label if i == 0 else "", line) for i, line in enumerate(lines or ["none"])]


def _score(one: AssessOutcome) -> str:
    return "" if one.quality_score is None else f"{one.quality_score:.2f}: "


def _next(result: AssessResult, low: list[AssessOutcome]) -> list[tuple[str, str]]:
    steps = [f"open {result.page} in a browser"]
    if low and {one.slice_id for one in low} <= {*result.excluded}:
        config, target = (
            shlex.quote(str(path)) for path in (result.config, result.acquisition / CONFIG_NAME)
        )
        steps.append(f"to reconstruct so: cp {config} {target}")
    elif low:
        steps.append("--exclude sets auto_excluded of these slices; or write use=false yourself")
    return [("next" if i == 0 else "", step) for i, step in enumerate(steps)]
