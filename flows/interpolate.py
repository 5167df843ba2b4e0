"""Interpolate one missing slice: `python -m flows.interpolate BEFORE AFTER OUTPUT`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from flows.terminal.commands import called, say
from flows.terminal.exit_codes import HELP, CommandParser, exit_code
from flows.terminal.reading import add_reading, voxel_size
from schemas.image_choice import ImageChoice
from schemas.settings import InterpolationSettings
from schemas.slice_id import parse_slice_id
from soct_core.acquisition.slices import lost_chunk_warnings, remark_warnings
from soct_core.acquisition.slots import Slots, refuse_longer_gap
from soct_core.acquisition.translations import space_of_translations, world_origin
from soct_core.errors import BadInputError
from soct_core.file_names import InterpolationFiles
from soct_core.run.settings_file import load_settings
from soct_core.stages.interpolate_missing_slice import (
    GapToFill,
    interpolate_slice,
    refuse_foreign_output,
    refuse_to_replace_others,
)
from soct_core.volume import open_volume

_SETTINGS = (
    "registration_metric",
    "max_iterations",
    "overlap_search_window",
    "min_overlap_correlation",
    "reference_slab_size",
    "min_foreground_fraction",
    "min_ncc_improvement",
)
"""Settings that have options of their own: those that other programs for the same have."""
_EPILOG = """examples:
  {0} slice_z05.ome.zarr slice_z07.ome.zarr slice_z06_interpolated.ome.zarr
  {0} BEFORE AFTER OUTPUT --preview p.png --diagnostics d.json
  {0} BEFORE AFTER OUTPUT --slice-id 06 --manifest-entry slice_z06_manifest.csv

{1}; a hard skip is a result: 0
"""


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    name = called("interpolate")
    p = CommandParser(
        prog=name,
        description="Interpolate the slice missing between two slices. A hard skip writes no OUTPUT\n"
        "and is no error: the diagnostics and the manifest entry say why.",
        epilog=_EPILOG.format(name, HELP),
    )
    p.add_argument("before", type=Path, help="slice above the gap, OME-Zarr")
    p.add_argument("after", type=Path, help="slice below the gap, OME-Zarr")
    p.add_argument("output", type=Path, help="interpolated slice, OME-Zarr")
    how = p.add_argument_group("how")
    how.add_argument("--method", help="zmorph (default), weighted or average")
    how.add_argument("--blend-method", help="gaussian (default) or linear")
    for name in _SETTINGS:
        option = f"--{name.replace('_', '-')}"
        how.add_argument(option, metavar="VALUE", help=f"the same as --set {name}=VALUE")
    how.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="one setting; repeatable"
    )
    size = p.add_argument_group("depths and voxels")
    size.add_argument("--slicing-interval-um", type=float, default=200.0, help="default: %(default)s")
    size.add_argument("--usable-depth-um", type=float, help="trusted depth of BEFORE (default: the interval)")
    size.add_argument("--output-z", type=int, help="planes to make (default: those truly missing)")
    add_reading(size)
    out = p.add_argument_group("what comes out beside OUTPUT")
    out.add_argument("--diagnostics", type=Path, help="write what was measured, as JSON")
    out.add_argument("--manifest-entry", type=Path, help="write the manifest fragment, CSV")
    out.add_argument("--slice-id", help="id of the missing slice; needed for a manifest entry")
    out.add_argument("--preview", type=Path, help="write the 1x4 picture, PNG")
    out.add_argument("--uncertainty", type=Path, help="write half widths of the 90%% intervals, OME-Zarr")
    out.add_argument("-f", "--overwrite", action="store_true", help="replace outputs that are something else")
    out.add_argument("--ngff-version", choices=("0.4", "0.5"), default="0.5", help="default: %(default)s")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when interpolated or hard-skipped, 1 when an operation failed, 2 for bad input."""
    arguments = parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    named = {name: getattr(arguments, name) for name in ("method", "blend_method", *_SETTINGS)}
    overrides = [f"{name}={value}" for name, value in named.items() if value is not None]
    settings = load_settings(InterpolationSettings, overrides=[*arguments.set, *overrides])
    slice_id = _slice_id(arguments)
    if arguments.output_z is not None and arguments.output_z < 1:
        raise BadInputError(f"--output-z: got {arguments.output_z}, wanted 1 at least")
    refuse_longer_gap(arguments.before, arguments.after)
    files = InterpolationFiles(
        arguments.output,
        arguments.diagnostics,
        arguments.manifest_entry,
        arguments.preview,
        uncertainty=arguments.uncertainty,
    )
    for image in filter(None, (files.volume, files.uncertainty)):
        refuse_foreign_output(image, (arguments.before, arguments.after))
    refuse_to_replace_others(
        arguments.before, arguments.after, slice_id, files, overwrite=arguments.overwrite
    )
    choice = ImageChoice(image=arguments.image, channel=arguments.channel)
    before, after = (
        open_volume(path, voxel_size(arguments), choice) for path in (arguments.before, arguments.after)
    )
    for line in (*remark_warnings((before, after)), *lost_chunk_warnings((before, after))):
        say(f"warning: {line}", error=True)
    # Two slots: that of before and the missing one.
    slots = Slots(0, arguments.slicing_interval_um, before.voxel_size_um[0], _usable_um(arguments))
    missing = slots.missing_planes(1, before.shape[0])
    space = space_of_translations({0: before, 2: after})
    usable = slots.usable_planes(0, before.shape[0])
    z, y, x = world_origin({0: before, 2: after}, space)
    if arguments.output_z is None and missing < 1:
        say("already covered by the slice before; no volume written")
        return
    diagnostics = interpolate_slice(
        before,
        after,
        GapToFill(
            slice_id,
            usable,
            missing if arguments.output_z is None else arguments.output_z,
            space.windows.get(0),
            space.windows.get(2),
            (z + usable * before.voxel_size_um[0], y, x),
        ),
        files,
        settings,
        arguments.ngff_version,
    )
    if diagnostics.interpolation_failed:
        say(f"hard skip: {diagnostics.fallback_reason}: {diagnostics.detail}; no volume written")
    else:
        say(f"interpolated by {diagnostics.method_used}: {arguments.output}")


def _usable_um(arguments: argparse.Namespace) -> float:
    usable = arguments.usable_depth_um
    for name, value in (
        ("--slicing-interval-um", arguments.slicing_interval_um),
        ("--usable-depth-um", usable),
    ):
        if value is not None and not 0 < value < 1e6:
            raise BadInputError(f"{name}: got {value}, wanted more than 0 and less than a metre")
    return float(arguments.slicing_interval_um if usable is None else usable)


def _slice_id(arguments: argparse.Namespace) -> int | None:
    if arguments.slice_id is None:
        if arguments.manifest_entry is not None:
            raise BadInputError("--manifest-entry needs --slice-id")
        return None
    try:
        return parse_slice_id(arguments.slice_id)
    except ValueError as error:
        raise BadInputError(f"--slice-id: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
