"""The commands of the product: what each is for, where it is, and how it is called."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from schemas.printable import printable

PROGRAM = "soct"


@dataclass(frozen=True)
class Command:
    """One command."""

    name: str
    module: str
    """Has `main(argv)` and `parser()`."""
    purpose: str
    """A few words, in the imperative."""


# One line a command, in the order of use; `python -m MODULE` and `soct NAME` are the same.
COMMANDS = (
    Command("init", "flows.init", "write a commented settings file for an acquisition"),
    Command("validate", "schemas.validate", "check tables and JSON documents"),
    Command("assess", "flows.assess.__main__", "score every slice against its neighbours"),
    Command("reconstruct", "flows.reconstruct.__main__", "make one volume of each acquisition"),
    Command("verify", "flows.verify", "whole, unaltered, and made from these inputs?"),
    Command("report", "flows.report", "render a report again, or one page over many runs"),
    Command("export", "flows.export", "write a volume as NIfTI or OME-TIFF for other programs"),
    Command("apply", "flows.apply.__main__", "stack another channel or resolution in the same poses"),
    Command("view", "flows.view.__main__", "open a reconstruction in napari, or in a browser"),
    Command("interpolate", "flows.interpolate", "fill one gap between two slices"),
    Command("finalise", "flows.finalise", "merge manifest fragments into an audit trail"),
    Command("simulate", "flows.simulate", "cut a volume into an acquisition with known truth"),
    Command("sync", "deployments.sync", "make scheduled acquisitions match deployments/*.toml"),
)
_BY_NAME = {command.name: command for command in COMMANDS}


def called(name: str) -> str:
    """How to call a command, in the form that the user has used.

    Examples
    --------
    >>> called("view")
    'python -m flows.view'
    """
    if Path(sys.argv[0]).stem == PROGRAM:
        return f"{PROGRAM} {name}"
    return f"python -m {_BY_NAME[name].module.removesuffix('.__main__')}"


def say(line: str, *, error: bool = False) -> None:
    """Print a line, on standard error if it is no result; whatever names it holds, it stays a line."""
    print(printable(line), file=sys.stderr if error else sys.stdout, flush=True)
