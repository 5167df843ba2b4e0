"""The command line of `python -m flows.reconstruct`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from flows.engine.session import add_runner_options, add_settings_options
from flows.terminal.commands import called, say
from flows.terminal.exit_codes import HELP, CommandParser, exit_code
from flows.terminal.reading import add_reading
from schemas.slice_id import parse_slice_id

_PURPOSE = """\
Reconstruct one honest volume from the slices of an acquisition. Single missing slices are
interpolated where the quality gates allow it; all others stay gaps at their true depth. Run it
again after new slices have come, after a failure or Ctrl-C: what is done is kept."""
_EPILOG = """examples:
  {0} --demo demo
  {0} ACQ
  {0} ACQ --output OUT --set interpolation.alpha_sampling=interior
  {0} ACQ1 ACQ2 ACQ3

To have slice 7 interpolated, set use=false in its row of ACQ/slice_config.csv.

{1}; a slice that a gate refused is a result: 0
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    name = called("reconstruct")
    p = CommandParser(prog=name, description=_PURPOSE, epilog=_EPILOG.format(name, HELP))
    what = p.add_argument_group("what to reconstruct")
    what.add_argument(
        "acquisition", type=Path, nargs="*", help="directory with slice_z{NN}.ome.zarr; several, one by one"
    )
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
    how = p.add_argument_group("how", "settings are listed in docs/settings.md")
    add_settings_options(how)
    how.add_argument(
        "--dry-run",
        action="store_true",
        help="say what would run and why, what it reads and writes and may take, and do nothing",
    )
    how.add_argument(
        "--accept",
        type=parse_slice_id,
        action="append",
        default=[],
        metavar="ID",
        help="fill this gap although gates fail: you have looked at it; repeatable",
    )
    where = p.add_argument_group("where it runs")
    add_runner_options(where)
    out = p.add_argument_group("what comes out")
    out.add_argument("--output", type=Path, help="where results go (default: ACQ/reconstruction)")
    out.add_argument("--name", help="what the acquisition is called (default: as its directory)")
    out.add_argument("--quiet", action="store_true", help="print errors only")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when every volume was written, 1 when an operation failed, 2 for bad input."""
    p = parser()
    arguments = p.parse_args(argv)
    if not arguments.acquisition and not arguments.demo:
        p.error("the acquisition directory is missing (or give --demo)")
    if arguments.demo and arguments.dry_run:
        p.error("--dry-run does not go with --demo, which has nothing to look at yet")
    several = len(arguments.acquisition) > 1
    for name in ("demo", "output", "shifts", "name", "accept"):
        if several and getattr(arguments, name):
            p.error(f"--{name} goes with one acquisition, got {len(arguments.acquisition)}")
    if not arguments.quiet:
        say(f"reconstruct {', '.join(map(str, arguments.acquisition)) or 'demo'}")
    if several:
        from flows.reconstruct.several import reconstruct_all

        return reconstruct_all(arguments)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    from flows.engine.session import Sessions
    from flows.reconstruct.one import reconstruct_one

    acquisition = arguments.acquisition[0] if arguments.acquisition else Path("demo")
    if arguments.demo:
        from soct_core.simulation.simulate import TRUTH_NAME, simulate_demo

        if not arguments.quiet and not (acquisition / TRUTH_NAME).exists():
            say(f"simulating an acquisition in {acquisition}")
        simulate_demo(acquisition)
    with Sessions(arguments) as opened:
        reconstruct_one(arguments, acquisition, opened)


if __name__ == "__main__":
    sys.exit(main())
