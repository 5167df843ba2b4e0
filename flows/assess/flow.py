"""The flow `assess`: quality of every slice of an acquisition, judged by its neighbours."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows.assess.unchanged import Asked
from flows.engine import tasks
from flows.engine.flow_runs import at_work, run_alone, warn
from flows.engine.identity import run_name
from flows.engine.result_storage import refuse_open_storage
from flows.engine.runners import DEFAULT_RUNNER, task_runner
from flows.engine.seal import set_seal
from flows.engine.task_runs import TaskRuns
from flows.terminal.assessment import assessment_lines
from schemas.assessment import AssessResult
from schemas.quality import QualitySettings
from soct_core.file_names import ASSESSED_SLICES
from soct_core.run.leftovers import remove_stale_assessments
from soct_core.run.quality_plan import QualityPlan


def _run_name() -> str:
    return run_name(flow_run.name or "", Path(str(flow_run.parameters["acquisition"])), None)


@flow(
    name="assess",
    flow_run_name=_run_name,
    task_runner=task_runner(DEFAULT_RUNNER),
    persist_result=False,
)
def assess(  # noqa: PLR0913 (the parameters of the deployment form)
    acquisition: Path,
    slice_config_out: Path,
    exclude: bool = False,
    output: Path | None = None,
    settings: QualitySettings = QualitySettings(),  # noqa: B008
    shifts: Path | None = None,
    voxel_size_um: tuple[float, float, float] | None = None,
    overwrite: bool = False,
    fresh: bool = False,
) -> AssessResult:
    # Google's sections, unlike elsewhere: Prefect reads them as the help texts of its form.
    """Score every slice of an acquisition against its neighbours.

    Args:
        acquisition: Directory with `slice_z{NN}.ome.zarr` and, optionally, `slice_config.csv`.
        slice_config_out: Where the slice config with all scores goes; never the one that is read.
        exclude: Exclude slices below the limit in that config.
        output: Where figures, pictures and the page go; `quality` within the acquisition by default.
        settings: All settings; what is not given has its default.
        shifts: `shifts_xy.csv` of slices that are not in common space yet.
        voxel_size_um: (z, y, x) in µm, for slices that do not say it.
        overwrite: Replace `slice_config_out` even if an assessment did not leave it there.
        fresh: Make everything again, whatever is cached.

    Returns:
        What became of every slice, and where the config and the page lie.

    Raises:
        BadInputError: If slices, tables or settings cannot be used.
        OutputBusyError: If another run works on the same output.
        InputChangedError: If an input changed while it was used.
        StageFailedError: If tasks failed for another reason. What was done by then is found again by
            the next run.
    """
    refuse_open_storage()
    places = Asked.places_of(acquisition, output)
    request = Asked(places, slice_config_out, settings, voxel_size_um, shifts, exclude)
    # Before anything is looked at: what comes meanwhile is new to the next run.
    asked = request.digest()
    plan = request.plan(overwrite=overwrite)
    runs = TaskRuns(places, fresh)

    def work(not_promised: tuple[str, ...]) -> AssessResult:
        result = _stages(plan, runs, not_promised, exclude=exclude)
        set_seal(request, asked, runs.entries, runs.records, plan.inputs, result)
        return request.delivered(result)

    return run_alone(runs, work, assessment_lines)


def _stages(
    plan: QualityPlan, runs: TaskRuns, not_promised: tuple[str, ...], *, exclude: bool
) -> AssessResult:
    remove_stale_assessments(plan.output / ASSESSED_SLICES, plan.ids)
    warnings = (*not_promised, *plan.warnings)
    warn(warnings)
    with at_work():
        runs.run_all(tasks.measure_slice, plan.measure_jobs())
        runs.run_all(tasks.compare_slices, plan.compare_jobs())
        slices = runs.run_all(tasks.assess_slice, plan.assess_jobs())
        page = runs.run_one(tasks.publish_quality, "quality page", plan.page_job(exclude=exclude))
        runs.refuse_changed_inputs()
    return AssessResult(
        acquisition=plan.acquisition.directory,
        slices=tuple(slices),
        config=page.config,
        page=page.page,
        excluded=page.excluded,
        limit=plan.settings.exclude_below,
        warnings=warnings,
    )
