"""The flow `reconstruct`: from an acquisition directory to one honest volume."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows.engine import artifacts, tasks
from flows.engine.flow_runs import at_work, run_alone
from flows.engine.identity import Identity, run_name
from flows.engine.places import Places
from flows.engine.result_storage import refuse_open_storage
from flows.engine.runners import DEFAULT_RUNNER, task_runner
from flows.engine.seal import set_seal
from flows.engine.task_runs import TaskRuns, error_record
from flows.reconstruct.run import Run
from flows.reconstruct.unchanged import Asked
from flows.terminal.listener import listener
from flows.terminal.plain_lines import result_lines
from schemas.handoffs import (
    DetectedGaps,
    InterpolationOutcome,
    PairOutcome,
    ReportJob,
    RunResult,
    StackJob,
    StackOutcome,
)
from schemas.settings import ReconstructSettings
from soct_core.file_names import INTERPOLATIONS, PAIRS, pair_name
from soct_core.run.acquisition_doubts import Acquired, metrics_of, pair_doubts, stack_doubts_of
from soct_core.run.input_doubts import input_doubts
from soct_core.run.input_warnings import input_warnings
from soct_core.run.leftovers import remove_stale_interpolations, remove_stale_pairs
from soct_core.run.plan import Planner, with_previews
from soct_core.run.quality_doubts import brightness_doubts, quality_doubts, quality_of
from soct_core.run.record import run_record, write_run_record
from soct_core.stages.render_report import report_what_there_is


def _run_name() -> str:
    given = flow_run.parameters
    return run_name(flow_run.name or "", Path(str(given["acquisition"])), given.get("name"))


@flow(
    name="reconstruct", flow_run_name=_run_name, task_runner=task_runner(DEFAULT_RUNNER), persist_result=False
)
def reconstruct(  # noqa: PLR0913 (the parameters of the deployment form)
    acquisition: Path,
    output: Path | None = None,
    settings: ReconstructSettings = ReconstructSettings(),  # noqa: B008
    shifts: Path | None = None,
    voxel_size_um: tuple[float, float, float] | None = None,
    allow_missing: bool = False,
    fresh: bool = False,
    name: str | None = None,
) -> RunResult:
    # Google's sections, unlike elsewhere: Prefect reads them as the help texts of its form.
    """Reconstruct one volume from the slices of an acquisition.

    Args:
        acquisition: Directory with `slice_z{NN}.ome.zarr` and, optionally, `slice_config.csv`.
        output: Where results go; `reconstruction` within the acquisition by default.
        settings: All settings; what is not given has its default.
        shifts: `shifts_xy.csv` of slices that are not in common space yet.
        voxel_size_um: (z, y, x) in µm, for slices that do not say it.
        allow_missing: Treat slices with `use=true` but without a file as gaps.
        fresh: Make everything again, whatever is cached or published.
        name: What the acquisition is called; by default as the deployment, or else as its directory.

    Returns:
        What became of every slice, gap and pair, and where the volume and the report lie.

    Raises:
        BadInputError: If slices, tables or settings cannot be used.
        OutputBusyError: If another run works on the same output.
        InputChangedError: If an input changed while it was used.
        StageFailedError: If tasks failed for another reason. What was done by then is found again by
            the next run.
    """
    refuse_open_storage()
    # Before anything is looked at: what comes meanwhile is new to the next run.
    identity = Identity.of(acquisition.expanduser().absolute(), name)
    places = Places.of(acquisition, output)
    request = Asked(places, identity.name, settings, shifts, voxel_size_um, allow_missing)
    asked = request.digest()
    plan = Planner.of(acquisition, output, settings, voxel_size_um, allow_missing, shifts)
    run = Run(plan, TaskRuns(places, fresh), identity)

    def work(not_promised: tuple[str, ...]) -> RunResult:
        run.not_promised = not_promised
        result = _recorded(run)
        read = [path for path in plan.inputs if path != shifts]
        set_seal(request, asked, run.tasks.entries, run.tasks.records, read, result)
        return result

    return run_alone(run.tasks, work, result_lines)


def _recorded(run: Run) -> RunResult:
    try:
        with at_work():
            result = _stages(run)
            run.tasks.refuse_changed_inputs()
            artifacts.show_result(run.identity.slug, result)
    except BaseException as error:
        _record_failure(run, error)
        raise
    write_run_record(run.facts(), "completed")
    return result


def _record_failure(run: Run, error: BaseException) -> None:
    if not run.tasks.errors:
        run.tasks.errors.append(error_record("reconstruct", error))
    try:
        write_run_record(run.facts(), "failed")
    except Exception as unwritten:
        # A warning only: the first error is the one to raise.
        listener.get().warning(f"no record of this run could be written: {unwritten}")
        return
    report_what_there_is(run.plan.output)


def _stages(run: Run) -> RunResult:
    found = run.tasks.run_one(tasks.detect_gaps, "detect gaps", run.plan.detect_gaps_job())
    run.plan.use(found)
    run.gaps = found.gaps
    run.warn((*run.not_promised, *input_warnings(run.plan, found), *input_doubts(run.plan, found)))
    filled = _interpolate(run, found)
    run.warn(tuple(brightness_doubts(filled)))
    trail = run.tasks.run_one(
        tasks.finalise_interpolation, "finalise audit trail", run.plan.finalise_job(found, filled)
    )
    pairs = _register(run, filled)
    run.warn(pair_doubts(Acquired.of(run.plan), metrics_of(pairs)))
    stacked = _stack(run, run.plan.stack_job(trail.path, filled, pairs, fresh=run.tasks.fresh))
    run.warn(stack_doubts_of(run.plan, pairs, stacked))
    quality = quality_of(pairs, run.plan.measured)
    run.warn(tuple(quality_doubts(Acquired.of(run.plan), quality, run.doubts)))
    job = ReportJob(output=run.plan.output, record=run_record(run.facts(), "completed"))
    report = run.tasks.run_one(tasks.render_report, "report", job)
    return RunResult(
        output=run.plan.output,
        slices=tuple(run.plan.measured),
        gaps=found.gaps,
        interpolations=tuple(filled),
        pairs=tuple(pairs),
        stack=stacked,
        report=report.path,
        warnings=run.warnings,
        doubts=run.doubts,
    )


def _interpolate(run: Run, found: DetectedGaps) -> list[InterpolationOutcome]:
    plan = run.plan
    gaps = plan.interpolation_jobs(found)
    remove_stale_interpolations(
        plan.output / INTERPOLATIONS,
        [job.slice_id for _, job in gaps if job.output_z > 0],
        previews=plan.settings.interpolation.preview,
    )
    filled = run.tasks.attempt_all(tasks.interpolate_missing_slice, gaps)
    if len(filled) < len(gaps):
        # Pairs that do not need what failed are registered all the same, so that a retry finds them done.
        pending = {job.slice_id for _, job in gaps} - {outcome.slice_id for outcome in filled}
        run.tasks.attempt_all(tasks.register_pair, plan.pair_jobs(filled, pending))
        run.tasks.stop()
    filled = with_previews(filled, run.tasks.run_all(tasks.render_preview, plan.preview_jobs(filled)))
    artifacts.show_slices(run.identity.slug, filled)
    return filled


def _register(run: Run, filled: list[InterpolationOutcome]) -> list[PairOutcome]:
    planned = run.plan.pair_jobs(filled)
    names = [pair_name(job.fixed_id, job.moving_id) for _, job in planned]
    remove_stale_pairs(run.plan.output / PAIRS, names)
    return run.tasks.run_all(tasks.register_pair, planned)


def _stack(run: Run, job: StackJob) -> StackOutcome:
    # A volume of a single part costs less than the task runs that would share it out.
    if run.plan.is_cut_into_parts and not run.tasks.is_known(tasks.stack, "stack", job):
        planned = run.tasks.run_one(tasks.plan_stack, "plan stack", job, passing=True)
        named = [(f"stack part {part.index:03d}", part) for part in planned.parts]
        made = run.tasks.run_all(tasks.stack_part, named, passing=True)
        parts = tuple(outcome.part for outcome in made)
        job = job.model_copy(update={"parts": parts})
    return run.tasks.run_one(tasks.stack, "stack", job)
