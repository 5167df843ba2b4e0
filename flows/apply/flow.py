"""The flow `apply`: a second channel, modality or resolution of slices, in the poses of a run."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows.engine import tasks
from flows.engine.flow_runs import at_work, run_alone, warn
from flows.engine.places import Places
from flows.engine.result_storage import refuse_open_storage
from flows.engine.runners import DEFAULT_RUNNER, task_runner
from flows.engine.task_runs import TaskRuns
from flows.terminal.plain_lines import listed_ids, table_lines
from schemas.applied import ApplyResult
from schemas.image_choice import ImageChoice
from soct_core.applying.plan import ApplyPlan
from soct_core.file_names import INTERPOLATIONS
from soct_core.run.leftovers import remove_stale_interpolations


def _run_name() -> str:
    return Path(str(flow_run.parameters["other"])).name


@flow(
    name="apply",
    flow_run_name=_run_name,
    task_runner=task_runner(DEFAULT_RUNNER),
    persist_result=False,
)
def apply(
    acquisition: Path,
    other: Path,
    output: Path | None = None,
    choice: ImageChoice = ImageChoice(),  # noqa: B008
    voxel_size_um: tuple[float, float, float] | None = None,
    fresh: bool = False,
) -> ApplyResult:
    # Google's sections, unlike elsewhere: Prefect reads them as the help texts of its form.
    """Stack other slices of a specimen in the poses that a reconstruction found.

    Args:
        acquisition: The acquisition that was reconstructed, or the output of that run.
        other: Directory with `slice_z{NN}.ome.zarr`, the same slices in another channel, modality or
            resolution; the acquisition itself for another channel of its files.
        output: Where the volume goes; `applied` within `other` by default.
        choice: Which image and channel is read of slices that hold several.
        voxel_size_um: (z, y, x) in µm, for slices that do not say it.
        fresh: Make everything again, whatever is cached.

    Returns:
        Which slices were stacked, and where the volume lies.

    Raises:
        BadInputError: If the run is not finished, or slices cannot be used.
        OutputBusyError: If another run works on the same output.
        InputChangedError: If an input changed while it was used.
        StageFailedError: If tasks failed for another reason. What was done by then is found again by
            the next run.
    """
    refuse_open_storage()
    plan = ApplyPlan.of(acquisition, other, output, choice, voxel_size_um)
    runs = TaskRuns(Places.of(other, plan.output), fresh)
    return run_alone(runs, partial(_stages, plan, runs), result_lines)


def _stages(plan: ApplyPlan, runs: TaskRuns, not_promised: tuple[str, ...]) -> ApplyResult:
    jobs = plan.gap_jobs()
    remove_stale_interpolations(plan.output / INTERPOLATIONS, {job.slice_id for _, job in jobs})
    warnings = (*not_promised, *plan.warnings)
    warn(warnings)
    with at_work():
        filled = runs.run_all(tasks.apply_gap, jobs)
        stacked = runs.run_one(tasks.apply_stack, "stack", plan.stack_job(filled))
        runs.refuse_changed_inputs()
    return ApplyResult(
        output=plan.output,
        run=plan.run,
        slices=tuple(sorted(plan.volumes)),
        interpolated=tuple(outcome.slice_id for outcome in filled),
        stack=stacked,
        warnings=warnings,
    )


def result_lines(result: ApplyResult) -> list[str]:
    """The closing table."""
    rows = (
        ("slices", str(len(result.slices))),
        ("interpolated", listed_ids(result.interpolated)),
        ("volume", str(result.stack.volume)),
        ("decisions", str(result.stack.decisions)),
    )
    return table_lines(rows)
