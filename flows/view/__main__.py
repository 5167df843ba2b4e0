"""Look at a reconstruction: `python -m flows.view OUTPUT`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from flows.terminal.commands import called
from flows.terminal.exit_codes import HELP, CommandParser, exit_code
from flows.view import in_napari, in_neuroglancer
from soct_core.file_names import output_of

_EPILOG = """examples:
  {0} ACQ/reconstruction
  {0} ACQ/reconstruction --no-slices
  {0} ACQ --neuroglancer   # in a browser: on a machine without a display, too

{1}
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    name = called("view")
    p = CommandParser(
        prog=name,
        description="Show the volume under its provenance, and beside it every slice as it was imaged.",
        epilog=_EPILOG.format(name, HELP),
    )
    p.add_argument("output", type=Path, help="output directory of a run, or its acquisition")
    p.add_argument("--no-slices", action="store_true", help="show the volume only")
    p.add_argument(
        "--neuroglancer",
        action="store_true",
        help="serve the volume to a browser of this machine, instead of napari; it shows no slices",
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when the viewer was closed, 1 when an operation failed, 2 for bad input."""
    arguments = parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    output = output_of(arguments.output)
    if arguments.neuroglancer:
        in_neuroglancer.show(output)
    else:
        in_napari.show(output, slices=not arguments.no_slices)


if __name__ == "__main__":
    sys.exit(main())
