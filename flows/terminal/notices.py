"""What stands out among the task runs of a run, and what to do about it: one wording for all places."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass

from schemas.assessment import AssessOutcome
from schemas.contract import Contract
from schemas.diagnostics import NO_MOTION
from schemas.handoffs import InterpolationOutcome, Job, PairJob, PairOutcome
from schemas.run_record import command_with
from schemas.slice_id import format_slice_id


@dataclass(frozen=True)
class Notice:
    """A task run that succeeded with a result that nobody should overlook."""

    state: str
    """Name of the state in Prefect."""
    tag: str
    """Of the flow run."""
    text: str
    """What it is, the reason, and the remedy, on one line."""


def notice_of(job: Job, outcome: Contract) -> Notice | None:
    """What stands out in an outcome: a slice that stays a gap or scores low, a pair that is unreliable."""
    if isinstance(outcome, InterpolationOutcome) and outcome.result == "hard_skip":
        # Its picture is not drawn yet.
        why = f"{outcome.reason}: {outcome.detail}; stays a gap; the report shows it"
        return Notice("Hard skip", "hard-skip", f"{why}{_deciding(outcome)}")
    if isinstance(outcome, AssessOutcome) and outcome.below_limit:
        score = "no score" if outcome.quality_score is None else f"score {outcome.quality_score:.2f}"
        return Notice("Low score", "low-score", f"{score}: {outcome.reason}; the page shows it")
    expected = isinstance(job, PairJob) and job.touches_interpolated
    if isinstance(outcome, PairOutcome) and not outcome.reliable and not expected:
        return Notice("Unreliable", "unreliable-pair", f"unreliable pair {pair_line(outcome)}; {AFTER_PAIR}")
    return None


AFTER_PAIR = "the report shows it, and how to set it by hand"


def after_hard_skip(refused: InterpolationOutcome) -> str:
    """What to do about a slice that could not be interpolated honestly."""
    look = f"see {refused.preview}" if refused.preview else "--set interpolation.preview=true draws it"
    return f"{format_slice_id(refused.slice_id)} stays a gap: {look}{_deciding(refused)}"


def _deciding(refused: InterpolationOutcome) -> str:
    names = " and ".join(f"interpolation.{name}" for name in refused.decided_by)
    decided = f"; {names} decided" if names else ""
    return f"{decided}; {_accepting(refused)}"


def _accepting(refused: InterpolationOutcome) -> str:
    if refused.reason in NO_MOTION:
        return "it cannot be accepted, for there is nothing to fill it with"
    typed = command_with(shlex.join(sys.argv), f"--accept {format_slice_id(refused.slice_id)}")
    return f"if it looks right to you, accept it, which is recorded for good: {typed}"


def pair_line(pair: PairOutcome) -> str:
    """A pair and why it is as it is."""
    ids = f"{format_slice_id(pair.fixed_id)}-{format_slice_id(pair.moving_id)}"
    return f"{ids}: {'; '.join(pair.reasons)}"
