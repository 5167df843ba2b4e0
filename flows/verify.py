"""Check a finished output against its record: `python -m flows.verify OUTPUT`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from flows.terminal.commands import called
from flows.terminal.exit_codes import FAILED, CommandParser, exit_code
from schemas.settings import ReconstructSettings
from soct_core.errors import BadInputError, one_line
from soct_core.file_names import output_of
from soct_core.run.settings_file import load_settings
from soct_core.run.verification import Verification, verify

_EPILOG = """examples:
  {0} ACQ/reconstruction
  {0} COPY --inputs /archive/ACQ
  {0} OUTPUT --outputs-only

exit codes: 0 whole, 1 not whole, 2 there is no readable run.json
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    name = called("verify")
    p = CommandParser(
        prog=name,
        description="Say whether an output is whole, unaltered, and made from these inputs with these\n"
        "settings. One line per problem.",
        epilog=_EPILOG.format(name),
    )
    p.add_argument("output", type=Path, help="output directory of a run, or its acquisition")
    p.add_argument("--inputs", type=Path, metavar="ACQ", help="where the acquisition is now, if it moved")
    p.add_argument("--outputs-only", action="store_true", help="leave the inputs unread")
    p.add_argument("--config", type=Path, help="settings that the run should have been made with, as TOML")
    p.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one of them; repeatable")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when whole, 1 when not, 2 for bad input."""
    arguments = parser().parse_args(argv)
    found: list[Verification] = []
    code = exit_code(lambda: found.append(_run(arguments)))
    return code or (FAILED if found[0].problems else code)


def _run(arguments: argparse.Namespace) -> Verification:
    if arguments.inputs is not None and not arguments.inputs.is_dir():
        raise BadInputError(f"{arguments.inputs}: no such directory")
    settings = None
    if arguments.config or arguments.set:
        settings = load_settings(ReconstructSettings, arguments.config, arguments.set)
    found = verify(
        output_of(arguments.output), arguments.inputs, settings, check_inputs=not arguments.outputs_only
    )
    for problem in found.problems:
        print(one_line(problem))
    checked = f"{found.outputs} outputs, {found.inputs} inputs, {found.slots} slots checked"
    count = len(found.problems)
    print(f"not whole: {count} problem{'s' * (count != 1)}; {checked}" if count else f"whole: {checked}")
    return found


if __name__ == "__main__":
    sys.exit(main())
