"""The command line of `python -m flows.apply`."""

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
from schemas.settings import ReconstructSettings
from soct_core.applying.plan import ApplyPlan
from soct_core.errors import BadInputError, StageFailedError
from soct_core.run.lock import refuse_if_busy
from soct_core.run.settings_file import load_settings

_PURPOSE = """\
Stack a second channel, modality or resolution of the same slices in the poses that a reconstruction
found: the same canvas in the world, the same slots, the same gaps filled by the same motions."""
_EPILOG = f"""examples:
  python -m flows.apply ACQ ACQ --channel 1
  python -m flows.apply ACQ FLUORESCENCE --output OUT
  python -m flows.export FLUORESCENCE/applied brain.nii.gz

{HELP}
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    p = CommandParser(prog="python -m flows.apply", description=_PURPOSE, epilog=_EPILOG)
    p.add_argument("acquisition", type=Path, help="the acquisition that was reconstructed, or that output")
    p.add_argument("other", type=Path, help="directory with the other slices, by the same ids")
    how = p.add_argument_group("how")
    add_reading(how)
    how.add_argument("--fresh", action="store_true", help="make everything again")
    where = p.add_argument_group("where it runs")
    where.add_argument(
        "--runner", choices=get_args(Runner), default=DEFAULT_RUNNER, help="default: %(default)s"
    )
    where.add_argument("--workers", type=int, help="default: one a core")
    out = p.add_argument_group("what comes out")
    out.add_argument("--output", type=Path, help="where the volume goes (default: OTHER/applied)")
    out.add_argument("--quiet", action="store_true", help="print errors only")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when written, 1 when an operation failed, 2 for bad input."""
    arguments = parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    if arguments.workers is not None and arguments.workers < 1:
        raise BadInputError(f"--workers: got {arguments.workers}, wanted 1 at least")
    choice = load_settings(ReconstructSettings, overrides=input_overrides(arguments)).input
    # Bad input is refused here, before a server starts; the flow checks again for deployments.
    plan = ApplyPlan.of(
        arguments.acquisition, arguments.other, arguments.output, choice, voxel_size(arguments)
    )
    refuse_if_busy(plan.output)
    refuse_unwritable_home()
    # What went wrong is said in one line at the end, and in the UI of a real server.
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_INTERNAL_LOGGING_LEVEL", "CRITICAL")
    _apply(plan, arguments)


def _apply(plan: ApplyPlan, arguments: argparse.Namespace) -> None:
    # Prefect takes seconds to import: bad input and --help must not wait for it.
    from rich.console import Console

    from flows.apply.flow import apply
    from flows.engine.api import api
    from flows.engine.prefect_environment import refuse_unreachable_api
    from flows.engine.runners import task_runner, worker_count
    from flows.terminal.listener import listener
    from flows.terminal.live_table import LiveTable
    from flows.terminal.plain_lines import PlainLines, redraws
    from flows.terminal.stage_rows import APPLY_STAGES

    console = Console(quiet=arguments.quiet)
    refuse_unreachable_api()
    runner = task_runner(arguments.runner, arguments.workers)
    with api(own_process=True):
        progress = (
            LiveTable(console, worker_count(arguments.workers), stages=APPLY_STAGES)
            if redraws(console)
            else PlainLines(console)
        )
        token = listener.set(progress)
        try:
            result = apply.with_options(task_runner=runner)(
                acquisition=arguments.acquisition,
                other=arguments.other,
                output=arguments.output,
                choice=plan.choice,
                voxel_size_um=plan.voxel_size_um,
                fresh=arguments.fresh,
            )
        except StageFailedError as error:
            error.add_note(RESUME)
            raise
        finally:
            listener.reset(token)
            progress.close()
    made = ", ".join(map(str, result.interpolated)) or "none"
    for label, text in (
        ("slices", str(len(result.slices))),
        ("interpolated", made),
        ("volume", str(result.stack.volume)),
        ("decisions", str(result.stack.decisions)),
    ):
        console.print(f"{label:<18}{text}", markup=False, soft_wrap=True, highlight=False)


if __name__ == "__main__":
    sys.exit(main())
