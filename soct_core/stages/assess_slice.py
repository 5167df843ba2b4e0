"""Stage `assess_slice`: the score of one slice, from its figures and those of the slices around it."""

from __future__ import annotations

import time

from schemas.assessment import AssessJob, AssessOutcome
from schemas.quality import PairFigures, SliceFigures
from soct_core.file_names import AssessmentFiles
from soct_core.quality.score import assess
from soct_core.storage.atomic import publish_text
from soct_core.storage.fingerprint import fingerprint
from soct_core.storage.records import read_record

VERSION = "1"


def reads(job: AssessJob) -> list[str]:
    """Content that the outcome depends on."""
    return [fingerprint(path) for path in (*job.figures, *job.pairs)]


def run(job: AssessJob) -> AssessOutcome:
    """Judge one slice and write what became of it.

    Raises
    ------
    SoctError
        If figures cannot be read or an output cannot be written.
    """
    started = time.perf_counter()
    figures = {found.slice_id: found for found in (read_record(path, SliceFigures) for path in job.figures)}
    pairs = [read_record(path, PairFigures) for path in job.pairs]
    quality = assess(
        job.slice_id, figures, {(pair.upper_id, pair.lower_id): pair for pair in pairs}, job.settings
    )
    place = AssessmentFiles.standard(job.output, job.slice_id).quality
    publish_text(place, quality.model_dump_json(indent=2) + "\n")
    return AssessOutcome(
        slice_id=job.slice_id,
        quality=place,
        quality_score=quality.quality_score,
        below_limit=quality.below_limit,
        reasons=quality.reasons,
        written=(place,),
        seconds=time.perf_counter() - started,
    )
