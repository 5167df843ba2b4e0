"""Export a volume for other programs: `python -m flows.export ACQ OUT.nii.gz`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from flows.terminal.commands import called, say
from flows.terminal.exit_codes import HELP, CommandParser, exit_code
from soct_core.errors import BadInputError
from soct_core.export.nifti import UNSTATED, write_nifti
from soct_core.export.nifti import is_export as is_nifti_export
from soct_core.export.source import WHAT, Exported, exported
from soct_core.export.tiff import is_export as is_tiff_export
from soct_core.export.tiff import write_tiff
from soct_core.storage.replacing import refuse_to_replace

_NIFTI, _TIFF = (".nii", ".nii.gz"), (".ome.tif", ".ome.tiff")

_EPILOG = """examples:
  {0} ACQ brain.nii.gz --voxel-um 25
  {0} ACQ provenance.nii.gz --voxel-um 25 --what provenance
  {0} ACQ brain.ome.tif --level 1

{1}
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    name = called("export")
    p = CommandParser(
        prog=name,
        description="Write the volume of a run as NIfTI (for ITK-SNAP, 3D Slicer, ANTs, atlas tools) or as\n"
        "OME-TIFF (for Fiji, QuPath), at its place in the world, with its units and orientation.",
        epilog=_EPILOG.format(name, HELP),
    )
    p.add_argument("volume", type=Path, help="output of a run, its acquisition, or an .ome.zarr of a run")
    p.add_argument("to", type=Path, metavar="OUT", help="name.nii, name.nii.gz or name.ome.tif")
    size = p.add_mutually_exclusive_group()
    size.add_argument("--level", type=int, help="level of the pyramid; 0, the default, is the finest")
    size.add_argument("--voxel-um", type=float, metavar="X", help="size of voxels along all axes")
    p.add_argument("--what", choices=WHAT, default=WHAT[0], help="default: %(default)s")
    p.add_argument("--overwrite", action="store_true", help="replace OUT whoever made it")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when written, 1 when an operation failed, 2 for bad input."""
    arguments = parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    target = arguments.to.absolute()
    is_nifti = target.name.endswith(_NIFTI)
    if not is_nifti and not target.name.endswith(_TIFF):
        raise BadInputError(f"{arguments.to}: wanted a name that ends in {', '.join((*_NIFTI, *_TIFF))}")
    image = exported(arguments.volume, arguments.what, arguments.level, arguments.voxel_um)
    earlier = is_nifti_export if is_nifti else is_tiff_export
    refuse_to_replace(target, earlier, "an earlier export", overwrite=arguments.overwrite)
    (write_nifti if is_nifti else write_tiff)(target, image)
    say(f"{arguments.to}: {_said(image, is_nifti)}")


def _said(image: Exported, is_nifti: bool) -> str:
    shape = " x ".join(map(str, image.shape))
    size = " x ".join(f"{v:g}" for v in image.voxel_size_um)
    said = f"{shape} voxels of {size} µm (z, y, x)"
    if image.orientation is not None:
        return f"{said}, orientation {image.orientation}"
    taken = f"; z, y, x are taken to run {UNSTATED}, as ITK has it" if is_nifti else ""
    return f"{said}, orientation not stated (setting orientation){taken}"


if __name__ == "__main__":
    sys.exit(main())
