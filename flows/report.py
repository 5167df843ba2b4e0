"""Render reports from what runs left on disk: `python -m flows.report OUTPUT`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from flows.terminal.commands import called, say
from flows.terminal.exit_codes import HELP, CommandParser, exit_code

GROUP_NAME = "group_report.html"


_EPILOG = """examples:
  {0} ACQ/reconstruction
  {0} --group ACQ1 ACQ2 --to both.html

{1}
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    name = called("report")
    p = CommandParser(
        prog=name,
        description="Render report.html of a finished or failed run again, or one page over many runs.",
        epilog=_EPILOG.format(name, HELP),
    )
    p.add_argument("output", type=Path, nargs="*", help="output directory of a run, or its acquisition")
    p.add_argument(
        "--group",
        type=Path,
        nargs="+",
        metavar="DIR",
        help="output directories, or acquisitions, to compare on one page",
    )
    p.add_argument("--to", type=Path, help=f"where the group page goes (default: ./{GROUP_NAME})")
    p.add_argument("--overwrite", action="store_true", help="let --to replace any file")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when rendered, 1 when an operation failed, 2 for bad input."""
    p = parser()
    arguments = p.parse_args(argv)
    if not arguments.output and not arguments.group:
        p.error("an output directory is missing (or give --group)")
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    from soct_core.file_names import output_of

    for directory in arguments.output:
        say(str(_render_again(output_of(directory))))
    if arguments.group:
        say(str(publish_group(arguments.group, arguments.to, overwrite=arguments.overwrite)))


def _render_again(output: Path) -> Path:
    from flows.engine.caching import renew_checksums
    from soct_core.run.lock import refuse_if_busy
    from soct_core.stages.render_report import render_again

    refuse_if_busy(output)
    page = render_again(output)
    # Or the next run would take it for damaged.
    renew_checksums(output, "report", page)
    return page


def publish_group(outputs: Sequence[Path], to: Path | None = None, *, overwrite: bool = False) -> Path:
    """Write one page over many runs; gives where.

    Raises
    ------
    SoctError
        If an output cannot be read, or something else lies where the page should.
    """
    from soct_core.report.group import GROUP_MARK, render_group
    from soct_core.storage.atomic import publish_text
    from soct_core.storage.replacing import refuse_to_replace

    page = (to or Path(GROUP_NAME)).absolute()
    refuse_to_replace(
        page, lambda path: GROUP_MARK in path.read_text(), "a page over runs", overwrite=overwrite
    )
    publish_text(page, render_group(list(outputs), page))
    return page


if __name__ == "__main__":
    sys.exit(main())
