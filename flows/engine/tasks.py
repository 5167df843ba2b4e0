"""The Prefect tasks: each binds a stage of `soct_core`, keyed on content, with checksums of its outputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed
from prefect.tasks import Task

import soct_core.stages.apply_gap
import soct_core.stages.apply_stack
import soct_core.stages.assess_slice
import soct_core.stages.compare_slices
import soct_core.stages.detect_gaps
import soct_core.stages.finalise_interpolation
import soct_core.stages.interpolate_missing_slice
import soct_core.stages.measure_slice
import soct_core.stages.plan_stack
import soct_core.stages.publish_quality
import soct_core.stages.register_pair
import soct_core.stages.render_preview
import soct_core.stages.render_report
import soct_core.stages.stack
import soct_core.stages.stack_part
from flows.engine.artifacts import publish_progress
from flows.engine.caching import CacheEntry, cache_key, record_outputs, refuse_changed_input
from flows.engine.places import Places
from flows.terminal.notices import notice_of
from schemas import applied, assessment, handoffs
from schemas.contract import Contract
from soct_core.errors import BadInputError
from soct_core.progress import noting_losses
from soct_core.storage.fingerprint_memo import remembering

Job = TypeVar("Job", bound=handoffs.Job)
Outcome = TypeVar("Outcome", bound=Contract)
RETRY_DELAYS_SECONDS = [2.0, 10.0]


class Stage(Protocol):
    """A module of `soct_core.stages`."""

    VERSION: str

    def reads(self, job: Any, /) -> Iterable[str]:
        """Fingerprints of all content that the outcome depends on."""
        ...

    def run(self, job: Any, /) -> Any:
        """Do the job."""
        ...


@dataclass(frozen=True)
class BoundTask(Generic[Job, Outcome]):
    """A Prefect task and the stage behind it."""

    name: str
    stage: Stage
    prefect_task: Task[[Job, CacheEntry], Outcome]

    outcome_type: type[Outcome]

    def key(self, job: Job, places: Places) -> str:
        """Cache key of a job: reads the content that the job names, wherever it lies."""
        told = places.write(job.key_fields())
        return cache_key(self.name, self.stage.VERSION, told, list(self.stage.reads(job)))


def _is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether to try again: disks and networks recover, bad input stays bad."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, OSError) and not isinstance(error, BadInputError)


def _state(job: handoffs.Job, outcome: Contract) -> State[Any] | None:
    """The state of a task run that nobody should overlook."""
    notice = notice_of(job, outcome)
    if notice is None:
        return None
    return Completed(name=notice.state, message=notice.text, data=outcome)


def _bound(
    name: str, stage: Stage, job_type: type[Job], outcome_type: type[Outcome]
) -> BoundTask[Job, Outcome]:
    def run(job: Job, entry: CacheEntry) -> Any:
        if entry.known:
            outcome = entry.places.read(entry.known, outcome_type)
            return _state(job, outcome) or Completed(name="Cached", data=outcome)
        with remembering(entry.output, believe=not entry.fresh):
            try:
                with publish_progress(entry.output, name), noting_losses() as lost:
                    outcome = stage.run(job)
            except Exception:
                # Whatever the error is: an input that vanished or was rewritten explains it better.
                refuse_changed_input(entry)
                raise
            record_outputs(entry, getattr(outcome, "written", ()), outcome, lost)
        return _state(job, outcome) or outcome

    run.__name__ = run.__qualname__ = name
    run.__doc__ = (stage.run.__doc__ or "").partition("\n")[0]
    return BoundTask(
        name,
        stage,
        task(
            name=name,
            # What is known lies beside the outputs, and goes where they go.
            cache_policy=NO_CACHE,
            persist_result=False,
            retries=len(RETRY_DELAYS_SECONDS),
            retry_delay_seconds=RETRY_DELAYS_SECONDS,
            retry_condition_fn=_is_transient,
        )(run),
        outcome_type,
    )


detect_gaps = _bound(
    "detect_gaps", soct_core.stages.detect_gaps, handoffs.DetectGapsJob, handoffs.DetectedGaps
)
interpolate_missing_slice = _bound(
    "interpolate_missing_slice",
    soct_core.stages.interpolate_missing_slice,
    handoffs.InterpolationJob,
    handoffs.InterpolationOutcome,
)
render_preview = _bound(
    "render_preview", soct_core.stages.render_preview, handoffs.PreviewJob, handoffs.PreviewOutcome
)
finalise_interpolation = _bound(
    "finalise_interpolation",
    soct_core.stages.finalise_interpolation,
    handoffs.FinaliseJob,
    handoffs.FinalisedTrail,
)
register_pair = _bound(
    "register_pair", soct_core.stages.register_pair, handoffs.PairJob, handoffs.PairOutcome
)
plan_stack = _bound("plan_stack", soct_core.stages.plan_stack, handoffs.StackJob, handoffs.PlannedStack)
stack_part = _bound(
    "stack_part", soct_core.stages.stack_part, handoffs.StackPartJob, handoffs.StackPartOutcome
)
stack = _bound("stack", soct_core.stages.stack, handoffs.StackJob, handoffs.StackOutcome)
render_report = _bound(
    "render_report", soct_core.stages.render_report, handoffs.ReportJob, handoffs.ReportOutcome
)

apply_gap = _bound("apply_gap", soct_core.stages.apply_gap, applied.ApplyGapJob, applied.ApplyGapOutcome)
apply_stack = _bound(
    "apply_stack", soct_core.stages.apply_stack, applied.ApplyStackJob, handoffs.StackOutcome
)

measure_slice = _bound(
    "measure_slice", soct_core.stages.measure_slice, assessment.MeasureJob, assessment.MeasureOutcome
)
compare_slices = _bound(
    "compare_slices", soct_core.stages.compare_slices, assessment.CompareJob, assessment.CompareOutcome
)
assess_slice = _bound(
    "assess_slice", soct_core.stages.assess_slice, assessment.AssessJob, assessment.AssessOutcome
)
publish_quality = _bound(
    "publish_quality",
    soct_core.stages.publish_quality,
    assessment.QualityPageJob,
    assessment.QualityPageOutcome,
)
