"""Containment: paths that files name, and the output itself, stay where they belong."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from schemas.run_record import RunRecord
from soct_core.errors import AcquisitionError, RecordError
from soct_core.file_names import (
    DECISIONS_PATH,
    FINAL_NAME,
    PAIRS,
    REPORT_NAME,
    RUN_RECORD_NAME,
    SLICES_FOLDER,
    STAGE_FOLDERS,
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
    inside_image = any(part.endswith(".zarr") for part in resolved.parts)
    among = resolved in (home, home / SLICES_FOLDER) or (home / SLICES_FOLDER) in resolved.parents
    if inside_image or among or resolved in home.parents:
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
