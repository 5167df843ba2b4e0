"""The command line of `python -m flows.apply`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from flows.engine.runners import fit_runner
from flows.engine.session import Sessions, add_runner_options, refuse_unfit_options, shown_on
from flows.terminal.commands import called, say
from flows.terminal.exit_codes import HELP, CommandParser, exit_code
from flows.terminal.reading import add_reading, input_overrides, voxel_size

_PURPOSE = """\
Stack a second channel, modality or resolution of the same slices in the poses that a reconstruction
found: the same canvas in the world, the same slots, the same gaps filled by the same motions."""
_EPILOG = """examples:
  {0} ACQ ACQ --channel 1
  {0} ACQ FLUORESCENCE --output OUT
  {1} FLUORESCENCE/applied brain.nii.gz

{2}
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    name = called("apply")
    epilog = _EPILOG.format(name, called("export"), HELP)
    p = CommandParser(prog=name, description=_PURPOSE, epilog=epilog)
    p.add_argument("acquisition", type=Path, help="the acquisition that was reconstructed, or that output")
    p.add_argument("other", type=Path, help="directory with the other slices, by the same ids")
    how = p.add_argument_group("how")
    add_reading(how)
    how.add_argument("--fresh", action="store_true", help="make everything again")
    add_runner_options(p.add_argument_group("where it runs"))
    out = p.add_argument_group("what comes out")
    out.add_argument("--output", type=Path, help="where the volume goes (default: OTHER/applied)")
    out.add_argument("--quiet", action="store_true", help="print errors only")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when written, 1 when an operation failed, 2 for bad input."""
    arguments = parser().parse_args(argv)
    if not arguments.quiet:
        say(f"apply {arguments.acquisition} to {arguments.other}")
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    from rich.console import Console

    from flows.terminal.plain_lines import print_lines
    from flows.terminal.stage_rows import APPLY_STAGES
    from schemas.settings import ReconstructSettings
    from soct_core.applying.plan import ApplyPlan
    from soct_core.run.lock import refuse_if_busy
    from soct_core.run.settings_file import load_settings

    choice = load_settings(ReconstructSettings, overrides=input_overrides(arguments)).input
    refuse_unfit_options(arguments)
    # Bad input is refused here, before a server starts; the flow checks again for deployments.
    plan = ApplyPlan.of(
        arguments.acquisition, arguments.other, arguments.output, choice, voxel_size(arguments)
    )
    refuse_if_busy(plan.output)
    with Sessions(arguments) as opened:
        runner, _ = opened(fit_runner(arguments.runner, len(plan.volumes), 0))
        # Prefect takes seconds to import: bad input and --help must not wait for it.
        from flows.apply.flow import apply, result_lines

        console = Console(quiet=arguments.quiet)
        with shown_on(console, arguments, APPLY_STAGES):
            result = apply.with_options(task_runner=runner)(
                acquisition=arguments.acquisition,
                other=arguments.other,
                output=arguments.output,
                choice=plan.choice,
                voxel_size_um=plan.voxel_size_um,
                fresh=arguments.fresh,
            )
        print_lines(console, result_lines(result))


if __name__ == "__main__":
    sys.exit(main())
