"""Containment: paths that files name, and the output itself, stay where they belong."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from soct_core.errors import AcquisitionError
from soct_core.file_names import MANUAL_FOLDER, PAIRS, SLICES_FOLDER, STAGE_FOLDERS, STATE_FOLDER


def is_within(directory: Path, named: str) -> bool:
    """Whether a relative path names something below `directory`, links followed."""
    parts = PurePosixPath(named).parts
    plain = bool(parts) and not named.startswith("/") and ".." not in parts and named.isprintable()
    # Beyond what file systems take, the question itself is an error.
    short = len(named) < 1024 and all(len(part.encode("utf-8", "replace")) < 256 for part in parts)
    return plain and short and directory.resolve() in (directory / named).resolve().parents


def refuse_output_among_inputs(output: Path, acquisition: Path) -> None:
    """Refuse an output that lies where inputs are looked for, or inside one of them.

    Raises
    ------
    AcquisitionError
    """
    resolved, home = output.resolve(), acquisition.resolve()
    inside_image = any(part.endswith(".zarr") for part in resolved.parts)
    folders = home / SLICES_FOLDER, home / MANUAL_FOLDER
    among = resolved in (home, *folders) or any(folder in resolved.parents for folder in folders)
    if inside_image or among or resolved in home.parents:
        raise AcquisitionError(f"{output}: the output would land among the input, wanted another directory")
    nearest = next(path for path in (output, *output.parents) if path.exists())
    if not nearest.is_dir():
        raise AcquisitionError(f"{nearest}: is a file, wanted a directory for the output")


def refuse_links_within(output: Path) -> None:
    """Refuse an output of which a folder leads elsewhere: what a run writes must stay within its output.

    Raises
    ------
    AcquisitionError
    """
    folders = [output / name for name in (*STAGE_FOLDERS, STATE_FOLDER)]
    pairs = output / PAIRS
    folders += pairs.iterdir() if pairs.is_dir() and not pairs.is_symlink() else []
    for folder in folders:
        if folder.is_symlink():
            raise AcquisitionError(f"{folder}: is a link out of the output, wanted a directory")
