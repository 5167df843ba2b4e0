"""Finish an audit trail by merging manifest fragments: `python -m flows.finalise`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from flows.terminal.commands import called, say
from flows.terminal.exit_codes import HELP, CommandParser, exit_code
from soct_core.slice_config import merge_fragments
from soct_core.slice_config.finalise import is_trail_of
from soct_core.slice_config.fragments import find_fragments
from soct_core.storage.replacing import refuse_to_replace

_EPILOG = """examples:
  {0} --slice-config-in slice_config.csv \\
      --slice-config-out slice_config_final.csv --fragments .

{1}
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    name = called("finalise")
    p = CommandParser(
        prog=name,
        description="Merge all manifest fragments of a directory into a slice config, all or none.",
        epilog=_EPILOG.format(name, HELP),
    )
    p.add_argument(
        "--slice-config-in", type=Path, required=True, metavar="CSV", help="the slice config to read"
    )
    p.add_argument(
        "--slice-config-out", type=Path, required=True, metavar="CSV", help="where the merged one goes"
    )
    p.add_argument(
        "--fragments", type=Path, required=True, metavar="DIR", help="holds *_manifest.csv; or one such file"
    )
    p.add_argument("--overwrite", action="store_true", help="replace a file that is something else")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when written, 1 when an operation failed, 2 for bad input."""
    arguments = parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    fragments = find_fragments(arguments.fragments)
    if not fragments:
        # A pipeline in which nothing was attempted makes no directory.
        seen = "holds no *_manifest.csv" if arguments.fragments.is_dir() else "no such directory"
        say(f"warning: {arguments.fragments}: {seen}; nothing is merged", error=True)
    refuse_to_replace(
        arguments.slice_config_out,
        lambda path: is_trail_of(path, arguments.slice_config_in),
        f"an earlier trail of {arguments.slice_config_in.name}",
        overwrite=arguments.overwrite,
    )
    merge_fragments(arguments.slice_config_in, fragments, arguments.slice_config_out)
    say(f"{len(fragments)} fragments merged into {arguments.slice_config_out}")


if __name__ == "__main__":
    sys.exit(main())
