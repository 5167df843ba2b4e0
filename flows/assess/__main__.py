"""The command line of `python -m flows.assess`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from flows.engine.result_storage import refuse_unwritable_home
from flows.engine.runners import DEFAULT_RUNNER, Runner
from flows.terminal.exit_codes import HELP, RESUME, CommandParser, exit_code
from flows.terminal.reading import add_reading, input_overrides, voxel_size
from schemas.quality import QualitySettings
from soct_core.errors import BadInputError, StageFailedError
from soct_core.run.lock import refuse_if_busy
from soct_core.run.quality_plan import QualityPlan
from soct_core.run.settings_file import load_settings

_PURPOSE = """\
Score every slice of an acquisition, 0 to 1, by what can be measured of it against its neighbours:
likeness once registered, missing parts, area and intensity of tissue, sharpness, noise, stripes,
saturation. Writes a slice config with the scores, and a page that shows why."""
_EPILOG = f"""examples:
  python -m flows.assess ACQ --slice-config-out scored.csv
  python -m flows.assess ACQ --slice-config-out scored.csv --exclude --set exclude_below=0.1

To reconstruct without what was excluded, look at the page, then put the config in its place:
  cp scored.csv ACQ/slice_config.csv

{HELP}; a slice with a low score is a result: 0
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    p = CommandParser(prog="python -m flows.assess", description=_PURPOSE, epilog=_EPILOG)
    p.add_argument("acquisition", type=Path, help="directory with slice_z{NN}.ome.zarr")
    p.add_argument(
        "--slice-config-out",
        type=Path,
        required=True,
        metavar="CSV",
        help="the slice config with all scores; all else of ACQ/slice_config.csv is kept",
    )
    p.add_argument("--exclude", action="store_true", help="set auto_excluded of slices below the limit")
    p.add_argument("--overwrite", action="store_true", help="replace CSV whoever made it")
    how = p.add_argument_group("how", "settings are listed in docs/settings.md")
    how.add_argument("--config", type=Path, help="settings as TOML")
    how.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="one setting; repeatable"
    )
    add_reading(how)
    how.add_argument("--fresh", action="store_true", help="make everything again")
    where = p.add_argument_group("where it runs")
    where.add_argument(
        "--runner", choices=get_args(Runner), default=DEFAULT_RUNNER, help="default: %(default)s"
    )
    where.add_argument("--workers", type=int, help="default: one a core")
    out = p.add_argument_group("what comes out")
    out.add_argument("--output", type=Path, help="figures, pictures and page (default: ACQ/quality)")
    out.add_argument("--quiet", action="store_true", help="print errors only")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when written, 1 when an operation failed, 2 for bad input."""
    arguments = parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    settings = load_settings(QualitySettings, arguments.config, [*arguments.set, *input_overrides(arguments)])
    if arguments.workers is not None and arguments.workers < 1:
        raise BadInputError(f"--workers: got {arguments.workers}, wanted 1 at least")
    size_um = voxel_size(arguments)
    # Bad input is refused here, before a server starts; the flow checks again for deployments.
    plan = QualityPlan.of(
        arguments.acquisition,
        arguments.slice_config_out,
        arguments.output,
        settings,
        size_um,
        overwrite=arguments.overwrite,
    )
    refuse_if_busy(plan.output)
    refuse_unwritable_home()
    # What went wrong is said in one line at the end, and in the UI of a real server.
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_INTERNAL_LOGGING_LEVEL", "CRITICAL")
    _assess(plan, size_um, arguments)


def _assess(
    plan: QualityPlan, size_um: tuple[float, float, float] | None, arguments: argparse.Namespace
) -> None:
    # Prefect takes seconds to import: bad input and --help must not wait for it.
    from rich.console import Console

    from flows.assess.flow import assess
    from flows.engine.api import api
    from flows.engine.prefect_environment import refuse_unreachable_api
    from flows.engine.runners import task_runner, worker_count
    from flows.terminal.assessment import print_assessment
    from flows.terminal.listener import listener
    from flows.terminal.live_table import LiveTable
    from flows.terminal.plain_lines import PlainLines, redraws
    from flows.terminal.stage_rows import ASSESS_STAGES

    console = Console(quiet=arguments.quiet)
    refuse_unreachable_api()
    runner = task_runner(arguments.runner, arguments.workers)
    with api(own_process=True):
        progress = (
            LiveTable(console, worker_count(arguments.workers), stages=ASSESS_STAGES)
            if redraws(console)
            else PlainLines(console)
        )
        token = listener.set(progress)
        try:
            result = assess.with_options(task_runner=runner)(
                acquisition=arguments.acquisition,
                slice_config_out=arguments.slice_config_out,
                exclude=arguments.exclude,
                output=arguments.output,
                settings=plan.settings,
                voxel_size_um=size_um,
                overwrite=arguments.overwrite,
                fresh=arguments.fresh,
            )
        except StageFailedError as error:
            error.add_note(RESUME)
            raise
        finally:
            listener.reset(token)
            progress.close()
    print_assessment(console, result)


if __name__ == "__main__":
    sys.exit(main())
