"""A run made by its stages alone, without Prefect, and the record that it would leave."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from schemas.run_record import Fingerprint, RunRecord, TaskRecord
from schemas.settings import InterpolationSettings, PairwiseSettings, ReconstructSettings
from soct_core.file_names import RUN_RECORD_NAME
from soct_core.run.input_warnings import input_warnings
from soct_core.run.plan import Planner
from soct_core.run.record import RunFacts, run_record
from soct_core.stages import (
    detect_gaps,
    finalise_interpolation,
    interpolate_missing_slice,
    register_pair,
    stack,
)
from soct_core.storage.atomic import publish_text
from soct_core.storage.fingerprint import fingerprint

QUICK = ReconstructSettings(
    interpolation=InterpolationSettings(max_iterations=100),
    pairwise=PairwiseSettings(check_pairs=False, anatomy_span_um=0.0, max_iterations=100),
)


def run_stages(acquisition: Path, settings: ReconstructSettings = QUICK) -> RunRecord:
    """Run everything but the report; `run.json` lies in `ACQ/reconstruction` then."""
    planner = Planner.of(acquisition, None, settings, None, False)
    found = detect_gaps.run(planner.detect_gaps_job())
    planner.use(found)
    filled = [interpolate_missing_slice.run(job) for _, job in planner.interpolation_jobs(found)]
    trail = finalise_interpolation.run(planner.finalise_job(found, filled))
    pairs = [register_pair.run(job) for _, job in planner.pair_jobs(filled)]
    outcomes = [*filled, trail, *pairs, stack.run(planner.stack_job(trail.path, filled, pairs))]
    outputs = [
        Fingerprint(path=path.relative_to(planner.output).as_posix(), fingerprint=fingerprint(path))
        for outcome in outcomes
        for path in outcome.written
    ]
    facts = RunFacts(
        acquisition=acquisition.name,
        output=planner.output,
        inputs=planner.inputs,
        settings=settings,
        started=datetime(2026, 11, 23, 8, tzinfo=UTC),
        command="reconstruct mouse",
        gaps=found.gaps,
        warnings=input_warnings(planner, found),
        outputs=outputs,
        tasks=[TaskRecord(name="stack", state="Completed", cached=False, seconds=1.0)],
        errors=(),
    )
    record = run_record(facts, "completed")
    publish_text(planner.output / RUN_RECORD_NAME, record.model_dump_json(indent=2))
    return record
