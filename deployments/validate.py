"""Check every file of `deployments/`, without a server: `python -m deployments.validate`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from flows.terminal.commands import say
from flows.terminal.exit_codes import HELP, CommandParser, exit_code


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when all files are valid, 2 otherwise, with a line per fault."""
    p = CommandParser(
        prog="python -m deployments.validate",
        description="Check prefect.yaml and deployments/*.toml; no server is needed.",
        epilog="examples:\n  python -m deployments.validate\n  python -m deployments.validate FOLDER\n\n"
        + HELP,
    )
    p.add_argument("directory", type=Path, nargs="?", default=Path("deployments"))
    folder = p.parse_args(argv).directory
    return exit_code(lambda: _run(folder))


def _run(folder: Path) -> None:
    from deployments.files import read_all
    from deployments.prefect_yaml import read_common

    read_common(Path.cwd())
    say(f"{len(read_all(folder, Path.cwd()))} valid in {folder}")


if __name__ == "__main__":
    sys.exit(main())
