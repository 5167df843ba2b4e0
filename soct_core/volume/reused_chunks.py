"""Chunk rows: what of a published image stays as it is when the image is continued below.

A row is all chunks of one depth. Rows are taken over by hard link, so that they cost neither
time nor room, and by copy where a file system does not link.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from soct_core.volume.written_metadata import NgffVersion


@dataclass(frozen=True)
class FormerImage:
    """A published image on the same grid of planes, written by the same version of this program."""

    path: Path
    planes: int
    """So many of its first planes stay as they are."""


def take_rows(former: Path, level: Path, rows: int, version: NgffVersion) -> None:
    """Take over the first chunk rows of an array, (z, y, x), at `former`, to that at `level`."""
    inside = Path("c") if version == "0.5" else Path()
    for row in range(rows):
        place = level / inside / str(row)
        shutil.copytree(former / inside / str(row), place, copy_function=_link_or_copy)


def take_known_rows(former: Path, level: Path, rows: int, version: NgffVersion) -> None:
    """The same of an array whose chunks of nothing but zeros are no files."""
    inside = Path("c") if version == "0.5" else Path()
    for row in range(rows):
        if (former / inside / str(row)).is_dir():
            shutil.copytree(
                former / inside / str(row), level / inside / str(row), copy_function=_link_or_copy
            )


def _link_or_copy(source: str, target: str) -> None:
    try:
        # A second name of a link would lead out of the image as the first does.
        Path(target).hardlink_to(Path(source).resolve())
    except OSError:
        shutil.copyfile(source, target)
