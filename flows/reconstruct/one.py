"""One acquisition as a command line asks for it: checked, run, and told."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from flows.engine.session import Opened, refuse_unfit_options, shown_on, voxel_size_of
from flows.terminal.exit_codes import RESUME
from flows.terminal.plain_lines import print_result
from flows.terminal.stage_rows import STAGES
from schemas.handoffs import RunResult
from schemas.settings import ReconstructSettings
from soct_core.errors import StageFailedError
from soct_core.file_names import REPORT_NAME
from soct_core.run.lock import refuse_if_busy
from soct_core.run.plan import Planner
from soct_core.run.settings_file import load_settings

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner


@dataclass(frozen=True)
class Request:
    """What a command line asks for."""

    planner: Planner
    settings: ReconstructSettings
    arguments: argparse.Namespace

    @classmethod
    def of(cls, arguments: argparse.Namespace, acquisition: Path) -> Request:
        """Check all that can be checked before a server starts; the flow checks again for deployments.

        Raises
        ------
        BadInputError
            If options, settings or the acquisition cannot be used.
        OutputBusyError
            If another run is at work on the output.
        """
        settings = load_settings(ReconstructSettings, arguments.config, arguments.set)
        refuse_unfit_options(arguments)
        planner = Planner.of(
            acquisition,
            arguments.output,
            settings,
            voxel_size_of(arguments),
            arguments.allow_missing,
            arguments.shifts,
        )
        refuse_if_busy(planner.output)
        return cls(planner, settings, arguments)


def reconstruct_one(request: Request, opened: Opened) -> RunResult:
    """Run the flow on one acquisition and print its table.

    Raises
    ------
    SoctError
        If the run fails.
    """
    console = Console(quiet=request.arguments.quiet)
    result = _run_flow(request, console, *opened())
    print_result(console, result)
    return result


def _run_flow(request: Request, console: Console, runner: TaskRunner[Any], url: str) -> RunResult:
    # Prefect takes seconds to import.
    from flows.engine.artifacts import read_progress
    from flows.engine.dask_cluster import refuse_unfit_cluster
    from flows.reconstruct.flow import reconstruct

    arguments, planner = request.arguments, request.planner
    acquisition = planner.acquisition.directory
    if arguments.dask_address:
        refuse_unfit_cluster(arguments.dask_address, acquisition, planner.output, url)
    told = partial(read_progress, planner.output, datetime.now(UTC))
    with shown_on(console, arguments, STAGES, told):
        try:
            return reconstruct.with_options(task_runner=runner)(
                acquisition=acquisition,
                output=arguments.output,
                settings=request.settings,
                shifts=arguments.shifts,
                voxel_size_um=planner.voxel_size_um,
                allow_missing=arguments.allow_missing,
                fresh=arguments.fresh,
            )
        except StageFailedError as error:
            error.add_note(f"{RESUME}; {planner.output / REPORT_NAME} shows where it failed")
            raise
