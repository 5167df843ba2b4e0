"""The command line of `python -m flows.assess`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flows.engine.runners import fit_runner
from flows.engine.session import add_runner_options, add_settings_options, refuse_unfit_options
from flows.terminal.commands import called, say
from flows.terminal.exit_codes import HELP, CommandParser, exit_code
from flows.terminal.reading import add_reading, input_overrides, voxel_size

if TYPE_CHECKING:
    from rich.console import Console

    from flows.assess.unchanged import Asked
    from schemas.assessment import AssessResult

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
    p.add_argument("--shifts", type=Path, help="shifts_xy.csv of slices that are not in common space yet")
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
        say(f"assess {arguments.acquisition}")
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from flows.assess.unchanged import Asked, result_if_unchanged
    from flows.engine.session import NOTHING_NEW
    from flows.terminal.assessment import assessment_lines
    from flows.terminal.plain_lines import print_lines
    from schemas.quality import QualitySettings
    from soct_core.run.settings_file import load_settings

    console = Console(quiet=arguments.quiet)
    settings = load_settings(QualitySettings, arguments.config, [*arguments.set, *input_overrides(arguments)])
    refuse_unfit_options(arguments)
    request = Asked(
        Asked.places_of(arguments.acquisition, arguments.output),
        arguments.slice_config_out,
        settings,
        voxel_size(arguments),
        arguments.shifts,
        arguments.exclude,
    )
    command = " ".join(sys.argv)
    result = None if arguments.fresh else result_if_unchanged(request, command, overwrite=arguments.overwrite)
    if result is None:
        result = _run_flow(request, arguments, console)
    else:
        console.print(NOTHING_NEW, highlight=False)
    print_lines(console, assessment_lines(result))


def _run_flow(request: Asked, arguments: argparse.Namespace, console: Console) -> AssessResult:
    from flows.engine.session import Sessions, shown_on
    from flows.terminal.stage_rows import ASSESS_STAGES
    from soct_core.run.lock import refuse_if_busy

    # Bad input is refused here, before a server starts; the flow checks again for deployments.
    plan = request.plan(overwrite=arguments.overwrite)
    refuse_if_busy(plan.output)
    with Sessions(arguments) as opened:
        runner, _ = opened(fit_runner(arguments.runner, len(plan.ids), 0))
        # Prefect takes seconds to import.
        from flows.assess.flow import assess

        with shown_on(console, arguments, ASSESS_STAGES):
            return assess.with_options(task_runner=runner)(
                acquisition=arguments.acquisition,
                slice_config_out=arguments.slice_config_out,
                exclude=arguments.exclude,
                output=arguments.output,
                settings=request.settings,
                shifts=request.shifts,
                voxel_size_um=request.voxel_size_um,
                overwrite=arguments.overwrite,
                fresh=arguments.fresh,
            )


if __name__ == "__main__":
    sys.exit(main())
