"""Options that say how slices are read: of which size, and which image and channel of several."""

from __future__ import annotations

import argparse


def add_reading(group: argparse._ActionsContainer) -> None:
    """Add `--voxel-size-um`, `--image` and `--channel` to a parser or a group of one."""
    group.add_argument(
        "--voxel-size-um",
        type=float,
        nargs=3,
        metavar=("Z", "Y", "X"),
        help="counts instead of what slices say, or do not say",
    )
    group.add_argument("--image", type=int, metavar="N", help="which, of slices that hold several; from 0")
    group.add_argument("--channel", type=int, metavar="N", help="which, of slices that hold several; from 0")


def voxel_size(arguments: argparse.Namespace) -> tuple[float, float, float] | None:
    """The voxel size given, (z, y, x) in µm."""
    z_y_x = arguments.voxel_size_um
    return (z_y_x[0], z_y_x[1], z_y_x[2]) if z_y_x else None


def input_overrides(arguments: argparse.Namespace) -> list[str]:
    """The image and channel given, as overrides of the settings `input`."""
    named = {"image": arguments.image, "channel": arguments.channel}
    return [f"input.{name}={value}" for name, value in named.items() if value is not None]
