"""Simulate an acquisition with known truth: `python -m flows.simulate OUT`."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.terminal.commands import called, say
from flows.terminal.exit_codes import HELP, CommandParser, exit_code
from schemas.simulation import SimulationSettings
from schemas.slice_id import parse_slice_id
from soct_core.errors import AcquisitionError, BadInputError
from soct_core.run.settings_file import checked

_EPILOG = """examples:
  {0} ACQ --slices 12 --missing 5 --spoiled 8 --speckle 4
  {0} ACQ --reference VOLUME.npz --missing 12,30 --drift-deg 1 --drift-px 3

{1}

Then: {2} ACQ
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    name = called("simulate")
    p = CommandParser(
        prog=name,
        description="Cut a reference volume, or an analytic brain-like phantom, into drifting slices.\n"
        "truth.json and truth/ hold what was lost and how the block moved.",
        epilog=_EPILOG.format(name, HELP, called("reconstruct")),
    )
    p.add_argument("out", type=Path, help="a new directory")
    p.add_argument("--reference", type=Path, help=".npz (volume, voxel_size_um) or .ome.zarr")
    cut = p.add_argument_group("how it is cut")
    cut.add_argument("--slices", type=int, help="slices to cut (default: all of the reference; phantom: 12)")
    cut.add_argument("--missing", default="", help="ids of lost slices, e.g. 5,9")
    cut.add_argument("--spoiled", default="", help="ids of slices imaged but useless")
    cut.add_argument("--slicing-interval-um", type=float, help="thickness of a slice (default: 200)")
    cut.add_argument("--first-id", type=int, help="id of the first slice (default: 0)")
    drift = p.add_argument_group("how the block moves at a cut")
    drift.add_argument("--drift-deg", type=float, help="largest rotation at a cut (default: 1)")
    drift.add_argument("--drift-px", type=float, help="largest shift at a cut (default: 3)")
    drift.add_argument("--drift-scale", type=float, help="largest relative stretch at a cut (default: 0)")
    drift.add_argument("--drift-shear", type=float, help="largest shear at a cut (default: 0)")
    light = p.add_argument_group("how it is imaged")
    light.add_argument(
        "--speckle", type=float, dest="speckle_looks", help="looks of speckle; 0: none (default)"
    )
    light.add_argument("--speckle-px", type=float, help="correlation length of the speckle (default: 0.7)")
    light.add_argument("--attenuation-um", type=float, help="depth at which the signal falls to 1/e")
    light.add_argument("--tile-px", type=int, help="side of unevenly lit tiles (default: even light)")
    light.add_argument("--tile-unevenness", type=float, help="of a tile, centre to corner (default: 0.1)")
    light.add_argument("--intensity-jitter", type=float, help="relative change of brightness between slices")
    p.add_argument("--seed", type=int, help="another seed, another acquisition (default: 0)")
    p.add_argument("--ngff-version", choices=("0.4", "0.5"), help="default: 0.5")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when written, 1 when an operation failed, 2 for bad input."""
    arguments = parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    from soct_core.simulation.phantom import PHANTOM_SLICES, phantom_for
    from soct_core.simulation.simulate import describe, open_reference, simulate

    if arguments.out.exists() and (not arguments.out.is_dir() or any(arguments.out.iterdir())):
        raise AcquisitionError(f"{arguments.out}: is there already, wanted a new directory")
    given: dict[str, Any] = {
        name: value
        for name, value in vars(arguments).items()
        if value is not None
        and name in SimulationSettings.model_fields
        and name not in ("missing", "spoiled")
    }
    given |= {"missing": _ids(arguments.missing), "spoiled": _ids(arguments.spoiled)}
    if arguments.reference is None:
        given.setdefault("slices", PHANTOM_SLICES)
    settings = checked(SimulationSettings, given)
    if arguments.reference is None:
        phantom = phantom_for(settings)
        truth = simulate(phantom, phantom.voxel_size_um, settings, arguments.out, "phantom")
    else:
        reference, size = open_reference(arguments.reference)
        truth = simulate(reference, size, settings, arguments.out, arguments.reference.name)
    say(f"{arguments.out}: {describe(truth)}")
    say(f"next: {called('reconstruct')} {shlex.quote(str(arguments.out))}")


def _ids(text: str) -> tuple[int, ...]:
    try:
        return tuple(parse_slice_id(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise BadInputError(f"{text!r}: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
