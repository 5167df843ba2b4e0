"""The flow `reconstruct`: from an acquisition directory to one honest volume.

Run it with `python -m flows.reconstruct ACQ`, or deploy it; see the README.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # First of all: --help and bad input must not wait for Prefect to be imported, and what
    # Prefect pickles must not live in a module called __main__.
    from flows.reconstruct_command import main

    sys.exit(main())

from datetime import UTC, datetime
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows import artifacts, tasks
from flows.bare_workers import bare_workers
from flows.environment import api
from flows.ledger import Ledger, error_record
from flows.progress import listener
from flows.result_storage import refuse_open_storage
from flows.runners import DEFAULT_RUNNER, task_runner
from schemas.jobs import ReportJob
from schemas.outcomes import DetectedGaps, InterpolationOutcome, PairOutcome, RunResult
from schemas.settings import ReconstructSettings
from soct_core.doubts import doubts
from soct_core.fingerprint_memo import remembering
from soct_core.interpolation import STAGE as INTERPOLATIONS
from soct_core.pair_records import pair_name
from soct_core.planning import Planner, with_previews
from soct_core.run_lock import run_lock
from soct_core.run_record import RunNotes, run_record, write_run_record
from soct_core.stages.register_pair import STAGE as PAIRS
from soct_core.stages.render_report import report_what_there_is
from soct_core.stale import remove_leftovers, remove_stale_interpolations, remove_stale_pairs


def _run_name() -> str:
    return Path(str(flow_run.parameters["acquisition"])).name


@flow(name="reconstruct", flow_run_name=_run_name, task_runner=task_runner(DEFAULT_RUNNER))
def reconstruct(
    acquisition: Path,
    output: Path | None = None,
    settings: ReconstructSettings = ReconstructSettings(),  # noqa: B008
    shifts: Path | None = None,
    voxel_size_um: tuple[float, float, float] | None = None,
    allow_missing: bool = False,
    fresh: bool = False,
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
        fresh: Make everything again, whatever is cached or settled.
    """
    refuse_open_storage()
    planner = Planner.of(acquisition, output, settings, voxel_size_um, allow_missing, shifts)
    ledger = Ledger(planner.output, fresh)
    notes = RunNotes(started=datetime.now(UTC), command=" ".join(sys.argv))
    notes.errors = ledger.errors
    with run_lock(planner.output, notes.command), remembering(planner.output, believe=not fresh):
        remove_leftovers(planner.output)
        try:
            # In the flow itself, for those who call it from Python: workers share its server.
            with api(), bare_workers():
                result = _stages(planner, ledger, notes)
                ledger.refuse_changed_inputs()
                artifacts.show_result(planner.acquisition.directory.name, result)
        except BaseException as error:
            _record_failure(planner, notes, ledger, error)
            raise
        write_run_record(planner, notes, "completed", ledger.outputs(), ledger.records)
        return result


def _record_failure(planner: Planner, notes: RunNotes, ledger: Ledger, error: BaseException) -> None:
    if not ledger.errors:
        ledger.errors.append(error_record("reconstruct", error))
    try:
        write_run_record(planner, notes, "failed", ledger.outputs(), ledger.records)
    except Exception as unwritten:
        # Said, not raised: the first error is the one to tell.
        listener.get().warning(f"no record of this run could be written: {unwritten}")
        return
    report_what_there_is(planner.output)


def _stages(planner: Planner, ledger: Ledger, notes: RunNotes) -> RunResult:
    found = ledger.run_one(tasks.detect_gaps, "detect gaps", planner.detect_gaps_job())
    notes.gaps = found.gaps
    planner.use(found)
    notes.warnings = warnings = doubts(planner, found)
    for warning in warnings:
        listener.get().warning(warning)
    gaps = planner.interpolation_jobs(found)
    remove_stale_interpolations(
        planner.output / INTERPOLATIONS,
        [job.slice_id for _, job in gaps if job.output_z > 0],
        previews=planner.settings.interpolation.preview,
    )
    filled = ledger.attempt_all(tasks.interpolate_missing_slice, gaps)
    if len(filled) < len(gaps):
        # Pairs that do not hang on what failed are done all the same: a retry finds them done.
        pending = {job.slice_id for _, job in gaps} - {outcome.slice_id for outcome in filled}
        ledger.attempt_all(tasks.register_pair, planner.pair_jobs(filled, pending))
        ledger.stop()
    filled = with_previews(filled, ledger.run_all(tasks.render_preview, planner.preview_jobs(filled)))
    artifacts.show_slices(planner.acquisition.directory.name, filled)
    trail = ledger.run_one(
        tasks.finalise_interpolation, "finalise audit trail", planner.finalise_job(found, filled)
    )
    planned = planner.pair_jobs(filled)
    names = [pair_name(job.fixed_id, job.moving_id) for _, job in planned]
    remove_stale_pairs(planner.output / PAIRS, names)
    pairs = ledger.run_all(tasks.register_pair, planned)
    return _stack_and_report(planner, ledger, notes, found, filled, pairs, trail.path)


def _stack_and_report(
    planner: Planner,
    ledger: Ledger,
    notes: RunNotes,
    found: DetectedGaps,
    filled: list[InterpolationOutcome],
    pairs: list[PairOutcome],
    trail: Path,
) -> RunResult:
    stacked = ledger.run_one(
        tasks.stack, "stack", planner.stack_job(trail, filled, pairs, fresh=ledger.fresh)
    )
    record = run_record(planner, notes, "completed", ledger.outputs(), ledger.records)
    report = ledger.run_one(tasks.render_report, "report", ReportJob(output=planner.output, record=record))
    return RunResult(
        output=planner.output,
        slices=tuple(planner.measured),
        gaps=found.gaps,
        interpolations=tuple(filled),
        pairs=tuple(pairs),
        stack=stacked,
        report=report.path,
        warnings=notes.warnings,
    )
