"""One acquisition as a command line asks for it: known already, or checked, run, and told."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from flows.engine.places import Places
from flows.engine.runners import fit_runner
from flows.engine.session import NOTHING_NEW, Opened, refuse_unfit_options, shown_on
from flows.reconstruct.unchanged import Asked, result_if_unchanged
from flows.terminal.plain_lines import print_lines, result_lines
from flows.terminal.reading import input_overrides, voxel_size
from flows.terminal.stage_rows import STAGES
from schemas.handoffs import RunResult
from schemas.settings import ReconstructSettings
from soct_core.file_names import REPORT_NAME, name_of
from soct_core.run.settings_file import load_settings

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner

    from soct_core.run.plan import Planner


def reconstruct_one(arguments: argparse.Namespace, acquisition: Path, opened: Opened) -> RunResult | None:
    """Reconstruct one acquisition, unless nothing is new, and print its table; a dry run gives None.

    Raises
    ------
    BadInputError
        If options, settings or the acquisition cannot be used.
    OutputBusyError
        If another run is at work on the output.
    SoctError
        If the run fails.
    """
    console = Console(quiet=arguments.quiet)
    accepted = [f"accept={arguments.accept}"] if arguments.accept else []
    settings = load_settings(
        ReconstructSettings, arguments.config, [*arguments.set, *input_overrides(arguments), *accepted]
    )
    refuse_unfit_options(arguments)
    places = Places.of(acquisition, arguments.output)
    request = Asked(
        places,
        arguments.name or name_of(places.acquisition),
        settings,
        arguments.shifts,
        voxel_size(arguments),
        arguments.allow_missing,
    )
    if arguments.dry_run:
        from flows.reconstruct.dry_run import print_dry_run

        print_dry_run(console, request, _planned(request), arguments.workers)
        return None
    result = None if arguments.fresh else result_if_unchanged(request, " ".join(sys.argv))
    if result is None:
        volumes = _planned(request).volumes
        voxels = sum(math.prod(volume.shape) for volume in volumes.values())
        kind = fit_runner(arguments.runner, len(volumes), voxels)
        result = _run_flow(request, arguments, console, partial(opened, kind))
    else:
        console.print(NOTHING_NEW, highlight=False)
    print_lines(console, result_lines(result))
    return result


def _planned(request: Asked) -> Planner:
    """Refuse bad input before a server starts; the flow checks again for deployments."""
    # Tables take half a second to import.
    from soct_core.run.lock import refuse_if_busy
    from soct_core.run.plan import Planner

    places = request.places
    planner = Planner.of(
        places.acquisition,
        places.output,
        request.settings,
        request.voxel_size_um,
        request.allow_missing,
        request.shifts,
    )
    refuse_if_busy(places.output)
    return planner


def _run_flow(
    request: Asked,
    arguments: argparse.Namespace,
    console: Console,
    opened: Callable[[], tuple[TaskRunner[Any], str]],
) -> RunResult:
    runner, url = opened()
    # Prefect takes seconds to import.
    from flows.engine.artifacts import read_progress
    from flows.engine.dask_cluster import refuse_unfit_cluster
    from flows.reconstruct.flow import reconstruct

    output = request.places.output
    if arguments.dask_address:
        refuse_unfit_cluster(arguments.dask_address, request.places.acquisition, output, url)
    told = partial(read_progress, output, datetime.now(UTC))
    with shown_on(console, arguments, STAGES, told, output / REPORT_NAME):
        return reconstruct.with_options(task_runner=runner)(
            acquisition=request.places.acquisition,
            output=arguments.output,
            settings=request.settings,
            shifts=request.shifts,
            voxel_size_um=request.voxel_size_um,
            allow_missing=request.allow_missing,
            fresh=arguments.fresh,
            name=arguments.name,
        )
