"""The command `soct`: every command of the product under one name, wherever it is called."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from flows.terminal.commands import COMMANDS, PROGRAM
from flows.terminal.exit_codes import DONE, HELP, CommandParser

_PIPELINE = """\
Turn the slices of a serial OCT acquisition into one honest 3D volume:

  detect gaps -> interpolate single missing slices -> finalise the audit trail
              -> register neighbouring slices -> stack -> report"""
_EPILOG = f"""examples:
  soct reconstruct --demo demo      simulate a small acquisition and reconstruct it
  soct reconstruct ACQ              make the volume; again: only what is new
  soct reconstruct ACQ --dry-run    what would run, why, for how long
  soct view ACQ                     look at it in napari
  soct view ACQ --neuroglancer      or in a browser

soct COMMAND --help says more. Completion: eval "$(soct completion bash)" (or zsh, tcsh)
{HELP}
"""
_SHELLS = ("bash", "zsh", "tcsh")


def parser() -> argparse.ArgumentParser:
    """The parser of what stands before a command's own options."""
    width = max(len(command.name) for command in COMMANDS)
    listed = "\n".join(f"  {command.name:<{width}}  {command.purpose}" for command in COMMANDS)
    p = CommandParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} COMMAND ... | --version | completion SHELL",
        description=f"{_PIPELINE}\n\ncommands:\n{listed}",
        epilog=_EPILOG,
    )
    p.add_argument("--version", action="store_true", help="print the version")
    p.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    p.add_argument("shell", nargs="?", help=argparse.SUPPRESS)
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code of the command; 0 for help and version, 2 for a command that is not there."""
    given = list(sys.argv[1:] if argv is None else argv)
    # Processes started from here on must not find modules in the working directory either.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    module = {command.name: command.module for command in COMMANDS}.get(given[0] if given else "")
    if module is not None:
        code: int = import_module(module).main(given[1:])
        return code
    p = parser()
    arguments = p.parse_args(given)
    if arguments.version:
        from soct_core.versions import software_versions

        print(f"{PROGRAM} {software_versions()['soct-flows']}")
        return DONE
    if arguments.command == "completion":
        return _print_completion(p, arguments.shell)
    if arguments.command is not None:
        names = ", ".join(command.name for command in COMMANDS)
        p.error(f"there is no command {arguments.command!r}, wanted one of {names}")
    p.print_help()
    return DONE


def _print_completion(p: argparse.ArgumentParser, shell: str | None) -> int:
    try:
        import shtab
    except ImportError as error:
        p.error(f"completion needs shtab ({error}): pip install shtab")
    if shell not in _SHELLS:
        p.error(f"completion: got {shell or 'nothing'}, wanted one of {', '.join(_SHELLS)}")
    everything = CommandParser(prog=PROGRAM)
    commands = everything.add_subparsers()
    for command in COMMANDS:
        inner = import_module(command.module).parser()
        commands.add_parser(command.name, parents=[inner], add_help=False, help=command.purpose)
    print(shtab.complete(everything, shell))
    return DONE


if __name__ == "__main__":
    sys.exit(main())
