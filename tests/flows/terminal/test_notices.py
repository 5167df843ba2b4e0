"""What stands out of a run, with its reason and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.terminal.notices import notice_of
from schemas.assessment import AssessJob, AssessOutcome
from schemas.handoffs import InterpolationOutcome, PairJob, PairOutcome
from schemas.quality import QualitySettings
from schemas.settings import PairwiseSettings


def pair_job(*, touches_interpolated: bool) -> PairJob:
    return PairJob(
        fixed_id=3,
        moving_id=4,
        fixed=Path("a"),
        moving=Path("b"),
        offset=4.0,
        role="neighbours",
        touches_interpolated=touches_interpolated,
        output=Path("out"),
        settings=PairwiseSettings(),
    )


def pair(*, reliable: bool) -> PairOutcome:
    return PairOutcome(
        fixed_id=3,
        moving_id=4,
        directory=Path("out"),
        confidence=0.1,
        reliable=reliable,
        overall_status="ok" if reliable else "error",
        reasons=("confidence 0.1 below 0.3",),
    )


@pytest.mark.parametrize(
    ("job", "outcome", "state"),
    [
        (pair_job(touches_interpolated=False), pair(reliable=False), "Unreliable"),
        (pair_job(touches_interpolated=True), pair(reliable=False), None),
        (pair_job(touches_interpolated=False), pair(reliable=True), None),
        (pair_job(touches_interpolated=False), InterpolationOutcome(slice_id=2, result="interpolated"), None),
        (
            pair_job(touches_interpolated=False),
            InterpolationOutcome(slice_id=2, result="hard_skip"),
            "Hard skip",
        ),
    ],
)
def test_only_what_nobody_should_overlook_has_a_state_of_its_own(job, outcome, state: str | None) -> None:
    notice = notice_of(job, outcome)
    assert (notice and notice.state) == state


def test_a_notice_says_the_reason_and_the_remedy() -> None:
    skip = InterpolationOutcome(
        slice_id=8,
        result="hard_skip",
        reason="low_overlap_ncc",
        detail="0.21, wanted 0.3",
        decided_by=("min_overlap_correlation",),
    )
    notice = notice_of(pair_job(touches_interpolated=False), skip)
    assert notice is not None
    assert notice.text.startswith("low_overlap_ncc: 0.21, wanted 0.3; stays a gap; ")
    assert "interpolation.min_overlap_correlation decided; " in notice.text
    assert notice.text.endswith("--accept 08")
    unreliable = notice_of(pair_job(touches_interpolated=False), pair(reliable=False))
    assert unreliable is not None
    assert unreliable.text.startswith("unreliable pair 03-04: confidence 0.1 below 0.3; the report")


@pytest.mark.parametrize("below", [True, False])
def test_a_slice_that_scores_low_stands_out(below: bool) -> None:
    job = AssessJob(slice_id=3, figures=(), pairs=(), output=Path("out"), settings=QualitySettings())
    outcome = AssessOutcome(
        slice_id=3, quality=Path("q"), quality_score=0.04, below_limit=below, reasons=("unlike slice 02",)
    )
    notice = notice_of(job, outcome)
    assert (notice is not None) == below
    if notice is not None:
        assert (notice.state, notice.tag) == ("Low score", "low-score")
        assert notice.text == "score 0.04: unlike slice 02; the page shows it"
