"""The command line of `python -m flows.reconstruct`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import get_args

from flows.engine.result_storage import refuse_unwritable_home
from flows.engine.runners import DEFAULT_RUNNER, Runner
from flows.terminal.exit_codes import HELP, RESUME, CommandParser, exit_code
from flows.terminal.reading import add_reading, input_overrides, voxel_size
from schemas.settings import ReconstructSettings
from soct_core.errors import BadInputError, StageFailedError
from soct_core.run.lock import refuse_if_busy
from soct_core.run.plan import Planner
from soct_core.run.settings_file import load_settings

_PURPOSE = """\
Reconstruct one honest volume from the slices of an acquisition. Single missing slices are
interpolated where the quality gates allow it; all others stay gaps at their true depth. Run it
again after new slices have come, after a failure or Ctrl-C: what is done is kept."""
_EPILOG = f"""examples:
  python -m flows.reconstruct --demo demo
  python -m flows.reconstruct ACQ
  python -m flows.reconstruct ACQ --output OUT --set interpolation.alpha_sampling=interior

To have slice 7 interpolated, set use=false in its row of ACQ/slice_config.csv.

{HELP}; a slice that a gate refused is a result: 0
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    p = CommandParser(
        prog="python -m flows.reconstruct",
        description=_PURPOSE,
        epilog=_EPILOG,
    )
    what = p.add_argument_group("what to reconstruct")
    what.add_argument("acquisition", type=Path, nargs="?", help="directory with slice_z{NN}.ome.zarr")
    what.add_argument(
        "--demo",
        action="store_true",
        help="simulate a small acquisition with a spoiled slice (into ACQ, or demo) and reconstruct it",
    )
    what.add_argument(
        "--allow-missing", action="store_true", help="slices with use=true but no file are gaps"
    )
    what.add_argument("--shifts", type=Path, help="shifts_xy.csv of slices that are not in common space yet")
    add_reading(what)
    how = p.add_argument_group("how", "settings are listed in ACQ/reconstruction/run.json after a run")
    how.add_argument("--config", type=Path, help="settings as TOML")
    how.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="one setting; repeatable"
    )
    how.add_argument("--fresh", action="store_true", help="make everything again, poses included")
    where = p.add_argument_group("where it runs")
    where.add_argument(
        "--runner", choices=get_args(Runner), default=DEFAULT_RUNNER, help="default: %(default)s"
    )
    where.add_argument("--workers", type=int, help="default: one a core")
    where.add_argument("--dask-address", help="a running Dask scheduler, tcp://...")
    out = p.add_argument_group("what comes out")
    out.add_argument("--output", type=Path, help="where results go (default: ACQ/reconstruction)")
    out.add_argument("--quiet", action="store_true", help="print errors only")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when the volume was written, 1 when an operation failed, 2 for bad input."""
    p = parser()
    arguments = p.parse_args(argv)
    if arguments.acquisition is None and not arguments.demo:
        p.error("the acquisition directory is missing (or give --demo)")
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    overrides = [*arguments.set, *input_overrides(arguments)]
    settings = load_settings(ReconstructSettings, arguments.config, overrides)
    if arguments.workers is not None and arguments.workers < 1:
        raise BadInputError(f"--workers: got {arguments.workers}, wanted 1 at least")
    if arguments.dask_address and arguments.runner != "dask":
        raise BadInputError(f"--dask-address goes with --runner dask, not {arguments.runner}")
    if arguments.dask_address and arguments.workers is not None:
        raise BadInputError("--workers: got it with --dask-address, but that cluster has workers of its own")
    acquisition = arguments.acquisition or Path("demo")
    if arguments.demo:
        from soct_core.simulation.simulate import simulate_demo

        simulate_demo(acquisition)
    size_um = voxel_size(arguments)
    # Bad input is refused here, before a server starts; the flow checks again for deployments.
    planner = Planner.of(
        acquisition, arguments.output, settings, size_um, arguments.allow_missing, arguments.shifts
    )
    refuse_if_busy(planner.output)
    refuse_unwritable_home()
    # What went wrong is said in one line at the end, and in the UI of a real server.
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_INTERNAL_LOGGING_LEVEL", "CRITICAL")
    _reconstruct(planner, settings, size_um, arguments)


def _reconstruct(
    planner: Planner,
    settings: ReconstructSettings,
    size_um: tuple[float, float, float] | None,
    arguments: argparse.Namespace,
) -> None:
    # Prefect takes seconds to import: bad input and --help must not wait for it.
    from rich.console import Console

    from flows.engine.api import api
    from flows.engine.artifacts import read_progress
    from flows.engine.dask_cluster import refuse_unfit_cluster
    from flows.engine.prefect_environment import refuse_unreachable_api
    from flows.engine.runners import task_runner, worker_count
    from flows.reconstruct.flow import reconstruct
    from flows.terminal.listener import listener
    from flows.terminal.live_table import LiveTable
    from flows.terminal.plain_lines import PlainLines, print_result, redraws
    from soct_core.file_names import REPORT_NAME

    acquisition = planner.acquisition.directory
    console = Console(quiet=arguments.quiet)
    refuse_unreachable_api()
    runner = task_runner(arguments.runner, arguments.workers, arguments.dask_address)
    with api(own_process=True) as url:
        if arguments.dask_address:
            refuse_unfit_cluster(arguments.dask_address, acquisition, planner.output, url)
        told = partial(read_progress, planner.output, datetime.now(UTC))
        progress = (
            LiveTable(console, worker_count(arguments.workers), told)
            if redraws(console)
            else PlainLines(console)
        )
        token = listener.set(progress)
        try:
            result = reconstruct.with_options(task_runner=runner)(
                acquisition=acquisition,
                output=arguments.output,
                settings=settings,
                shifts=arguments.shifts,
                voxel_size_um=size_um,
                allow_missing=arguments.allow_missing,
                fresh=arguments.fresh,
            )
        except StageFailedError as error:
            error.add_note(f"{RESUME}; {planner.output / REPORT_NAME} shows where it failed")
            raise
        finally:
            listener.reset(token)
            progress.close()
    print_result(console, result)


if __name__ == "__main__":
    sys.exit(main())
