"""The command line of `python -m flows.assess`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.engine.runners import fit_runner
from flows.engine.session import (
    add_runner_options,
    add_settings_options,
    refuse_unfit_options,
    shown_on,
)
from flows.terminal.commands import called
from flows.terminal.exit_codes import HELP, RESUME, CommandParser, exit_code
from flows.terminal.reading import add_reading, input_overrides, voxel_size
from soct_core.errors import StageFailedError

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner

    from soct_core.run.quality_plan import QualityPlan

_PURPOSE = """\
Score every slice of an acquisition, 0 to 1, by what can be measured of it against its neighbours:
likeness once registered, missing parts, area and intensity of tissue, sharpness, noise, stripes,
saturation. Writes a slice config with the scores, and a page that shows why."""
_EPILOG = """examples:
  {0} ACQ --slice-config-out scored.csv
  {0} ACQ --slice-config-out scored.csv --exclude --set exclude_below=0.1

To reconstruct without what was excluded, look at the page, then put the config in its place:
  cp scored.csv ACQ/slice_config.csv

{1}; a slice with a low score is a result: 0
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    name = called("assess")
    p = CommandParser(prog=name, description=_PURPOSE, epilog=_EPILOG.format(name, HELP))
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
    add_settings_options(how)
    add_reading(how)
    add_runner_options(p.add_argument_group("where it runs"))
    out = p.add_argument_group("what comes out")
    out.add_argument("--output", type=Path, help="figures, pictures and page (default: ACQ/quality)")
    out.add_argument("--quiet", action="store_true", help="print errors only")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when written, 1 when an operation failed, 2 for bad input."""
    arguments = parser().parse_args(argv)
    if not arguments.quiet:
        print(f"assess {arguments.acquisition}", flush=True)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    from flows.engine.session import Sessions
    from schemas.quality import QualitySettings
    from soct_core.run.lock import refuse_if_busy
    from soct_core.run.quality_plan import QualityPlan
    from soct_core.run.settings_file import load_settings

    settings = load_settings(QualitySettings, arguments.config, [*arguments.set, *input_overrides(arguments)])
    refuse_unfit_options(arguments)
    # Bad input is refused here, before a server starts; the flow checks again for deployments.
    plan = QualityPlan.of(
        arguments.acquisition,
        arguments.slice_config_out,
        arguments.output,
        settings,
        voxel_size(arguments),
        overwrite=arguments.overwrite,
    )
    refuse_if_busy(plan.output)
    with Sessions(arguments) as opened:
        kind = fit_runner(arguments.runner, len(plan.ids), 0)
        _assess(plan, arguments, opened(kind)[0])


def _assess(plan: QualityPlan, arguments: argparse.Namespace, runner: TaskRunner[Any]) -> None:
    # Prefect takes seconds to import: bad input and --help must not wait for it.
    from rich.console import Console

    from flows.assess.flow import assess
    from flows.terminal.assessment import print_assessment
    from flows.terminal.stage_rows import ASSESS_STAGES

    console = Console(quiet=arguments.quiet)
    with shown_on(console, arguments, ASSESS_STAGES):
        try:
            result = assess.with_options(task_runner=runner)(
                acquisition=arguments.acquisition,
                slice_config_out=arguments.slice_config_out,
                exclude=arguments.exclude,
                output=arguments.output,
                settings=plan.settings,
                voxel_size_um=voxel_size(arguments),
                overwrite=arguments.overwrite,
                fresh=arguments.fresh,
            )
        except StageFailedError as error:
            error.add_note(RESUME)
            raise
    print_assessment(console, result)


if __name__ == "__main__":
    sys.exit(main())
