"""Containment: paths that files name, and the output itself, stay where they belong."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from schemas.run_record import RunRecord
from soct_core.errors import AcquisitionError, RecordError
from soct_core.file_names import (
    DECISIONS_PATH,
    FINAL_NAME,
    MANUAL_FOLDER,
    REPORT_NAME,
    RUN_RECORD_NAME,
    SLICES_FOLDER,
    STATE_FOLDER,
    VOLUME_PATH,
)
from soct_core.storage.records import read_record


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
    inside_image = any(part.lower().endswith(".zarr") for part in resolved.parts)
    # By inode where it is there: a file system may know one directory by names in either case.
    around, folders = [resolved, *resolved.parents], (home / SLICES_FOLDER, home / MANUAL_FOLDER)
    among = _same(resolved, home) or any(_same(path, folder) for path in around for folder in folders)
    if inside_image or among or any(_same(resolved, path) for path in home.parents):
        raise AcquisitionError(f"{output}: the output would land among the input, wanted another directory")
    nearest = next(path for path in (output, *output.parents) if path.exists())
    if not nearest.is_dir():
        raise AcquisitionError(f"{nearest}: is a file, wanted a directory for the output")


def refuse_results_of_others(output: Path) -> None:
    """Refuse an output where files bear the names of results, but no run left its state or its record.

    Raises
    ------
    AcquisitionError
    """
    if (output / STATE_FOLDER).is_dir():
        return
    results = (RUN_RECORD_NAME, FINAL_NAME, REPORT_NAME, VOLUME_PATH, DECISIONS_PATH)
    there = [output / name for name in results]
    if not (others := [path for path in there if path.exists()]):
        return
    try:
        read_record(output / RUN_RECORD_NAME, RunRecord)
    except RecordError as error:
        raise AcquisitionError(
            f"{others[0]}: is there already and no run made it, wanted another --output, or move it away"
        ) from error


def refuse_unusable_place(output: Path) -> None:
    """Refuse an output whose name no record can hold, or that lies within the output of another run.

    Raises
    ------
    AcquisitionError
    """
    try:
        os.fspath(output).encode()
    except UnicodeEncodeError as error:
        raise AcquisitionError(f"{output}: is a name that is not UTF-8, which no record can hold") from error
    for above in output.parents:
        if (above / STATE_FOLDER).is_dir():
            raise AcquisitionError(
                f"{output}: lies within {above}, the output of another run, wanted another directory"
            )


def _same(one: Path, other: Path) -> bool:
    try:
        return one == other or one.samefile(other)
    except OSError:
        return False
