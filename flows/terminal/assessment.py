"""The closing table of an assessment: how many slices are good, which are not and why, where it all lies."""

from __future__ import annotations

import shlex

from flows.terminal.plain_lines import listed, listed_ids, table_lines
from schemas.assessment import AssessOutcome, AssessResult
from schemas.slice_id import format_slice_id
from soct_core.file_names import CONFIG_NAME

_MOST_LINES = 20
"""Slices that are listed; the page has all."""


def assessment_lines(result: AssessResult) -> list[str]:
    """What became of the slices, the lowest score first."""
    low = sorted((one for one in result.slices if one.below_limit), key=lambda one: one.quality_score or 0.0)
    unknown = [one for one in result.slices if one.quality_score is None]
    rows = [
        ("slices", str(len(result.slices))),
        *listed(f"below {result.limit:g}", _slices(low)),
        *listed("not judged", _slices(unknown), none=()),
        ("auto-excluded", listed_ids(result.excluded)),
        ("slice config", str(result.config)),
        ("page", str(result.page)),
        *listed("next", _next(result, low)),
    ]
    return table_lines(rows)


def _slices(slices: list[AssessOutcome]) -> list[str]:
    lines = [f"{format_slice_id(one.slice_id)}: {_score(one)}{one.reason}" for one in slices[:_MOST_LINES]]
    return [*lines, f"and {len(slices) - _MOST_LINES} more"] if len(slices) > _MOST_LINES else lines


def _score(one: AssessOutcome) -> str:
    return "" if one.quality_score is None else f"{one.quality_score:.2f}: "


def _next(result: AssessResult, low: list[AssessOutcome]) -> list[str]:
    steps = [f"open {result.page} in a browser"]
    if low and {one.slice_id for one in low} <= {*result.excluded}:
        config, target = (
            shlex.quote(str(path)) for path in (result.config, result.acquisition / CONFIG_NAME)
        )
        steps.append(f"to reconstruct so: cp {config} {target}")
    elif low:
        steps.append("--exclude sets auto_excluded of these slices; or write use=false yourself")
    return steps
