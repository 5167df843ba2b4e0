"""Write a commented settings file for an acquisition: `python -m flows.init ACQ`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from flows.terminal.commands import called, say
from flows.terminal.exit_codes import HELP, CommandParser, exit_code

SETTINGS_NAME = "settings.toml"
_EPILOG = """examples:
  {0} ACQ
  {0} ACQ --to mouse-12.toml

{1}
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    name = called("init")
    p = CommandParser(
        prog=name,
        description="Write a settings file with every setting, its meaning, range and default, as comments:\n"
        "what you do not uncomment keeps its default. Says which slices were found.",
        epilog=_EPILOG.format(name, HELP),
    )
    p.add_argument("acquisition", type=Path, help="directory with slice_z{NN}.ome.zarr")
    p.add_argument("--to", type=Path, metavar="FILE", help=f"where it goes (default: ACQ/{SETTINGS_NAME})")
    p.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when written, 1 when an operation failed, 2 for bad input."""
    arguments = parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    from schemas.settings import ReconstructSettings
    from schemas.slice_id import format_slice_id
    from soct_core.acquisition.slices import find_acquisition
    from soct_core.errors import AcquisitionError
    from soct_core.run.settings_template import settings_template
    from soct_core.storage.atomic import publish_text

    slices = sorted(find_acquisition(arguments.acquisition.expanduser().absolute()).slices)
    path = arguments.to or arguments.acquisition / SETTINGS_NAME
    if not arguments.overwrite and (path.exists() or path.is_symlink()):
        raise AcquisitionError(f"{path}: is there already: edit it, or give --to FILE or --overwrite")
    reconstruct = called("reconstruct")
    use = f"{reconstruct} {shlex.quote(str(arguments.acquisition))} --config {shlex.quote(str(path))}"
    head = f"# Settings of {arguments.acquisition.absolute().name}; use: {use}\n"
    publish_text(
        path, f"{head}# Remove the # before a setting to set it.\n\n{settings_template(ReconstructSettings)}"
    )
    first, last = (format_slice_id(i) for i in (slices[0], slices[-1]))
    missing = [format_slice_id(i) for i in range(slices[0], slices[-1]) if i not in slices]
    say(f"{len(slices)} slices, {first} to {last}; missing: {', '.join(missing) or 'none'}")
    say(f"{path}: every setting, with its default; next: edit it, then {use}")


if __name__ == "__main__":
    sys.exit(main())
