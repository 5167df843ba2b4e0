"""Verification: whether an output is whole, unaltered, and made from these inputs with these settings.

`run.json` is where a run says what it wrote and what it read. It is no signature: whoever can
write to an output can write a record to match. So nothing in it is followed out of the output or
the acquisition, and what the files say of each other is checked beside it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from schemas.run_record import Fingerprint, RunRecord
from schemas.settings import ReconstructSettings
from soct_core.acquisition.slices import find_acquisition, slice_table, used_slices
from soct_core.errors import BadInputError, RecordError
from soct_core.file_names import (
    CONFIG_NAME,
    DECISIONS_PATH,
    FINAL_NAME,
    MANUAL_FOLDER,
    PAIRS,
    REPORT_NAME,
    RUN_RECORD_NAME,
    SLICE_NAME,
    SLICES_FOLDER,
    STAGE_FOLDERS,
    UNCERTAINTY_PATH,
    VOLUME_PATH,
)
from soct_core.run.provenance_check import provenance_problems
from soct_core.storage.fingerprint import fingerprint
from soct_core.storage.records import read_record
from soct_core.storage.safe_paths import is_within

REQUIRED = (VOLUME_PATH, DECISIONS_PATH, FINAL_NAME, REPORT_NAME)
_INPUT = re.compile(SLICE_NAME.pattern + r"|[^/]+\.csv|slice_z\d{1,8}_z\d{1,8}\.tfm", re.ASCII)
_LIKE_AN_OUTPUT = re.compile(r"slice_.*|.*\.zarr|report\.html")


@dataclass(frozen=True)
class Verification:
    """What was checked, and everything found wrong, a line each."""

    problems: tuple[str, ...]
    outputs: int
    inputs: int
    slots: int


def verify(
    output: Path,
    acquisition: Path | None = None,
    settings: ReconstructSettings | None = None,
    *,
    check_inputs: bool = True,
) -> Verification:
    """Hold an output against its own record.

    Parameters
    ----------
    output
        The directory that holds `run.json`.
    acquisition
        Where the inputs are now; by default where they were.
    settings
        What the run should have been made with; by default whatever it was.
    check_inputs
        False: outputs only.

    Raises
    ------
    RecordError
        If there is no readable `run.json`.
    """
    if not output.is_dir():
        raise RecordError(f"{output}: no such directory")
    if (output / RUN_RECORD_NAME).is_symlink():
        raise RecordError(f"{output / RUN_RECORD_NAME}: is a link, wanted a file")
    record = read_record(output / RUN_RECORD_NAME, RunRecord)
    problems = [*_outcome_problems(record), *_output_problems(record, output), *_strangers(record, output)]
    if settings is not None:
        problems += _setting_problems(record.settings, settings)
    if check_inputs:
        problems += _input_problems(record, output, acquisition)
    files = [output / name for name in (FINAL_NAME, DECISIONS_PATH, VOLUME_PATH)]
    slots = 0
    if all(path.exists() and is_within(output, path.relative_to(output).as_posix()) for path in files):
        beside = output / UNCERTAINTY_PATH
        named = UNCERTAINTY_PATH in (out.path for out in record.outputs)
        is_there = named and beside.is_dir() and is_within(output, UNCERTAINTY_PATH)
        trail, decisions, volume = files
        slots, contradictions = provenance_problems(trail, decisions, volume, beside if is_there else None)
        problems += contradictions
    return Verification(
        tuple(problems), len(record.outputs), len(record.inputs) if check_inputs else 0, slots
    )


def _outcome_problems(record: RunRecord) -> Iterator[str]:
    if record.outcome != "completed":
        yield f"{RUN_RECORD_NAME}: the run {record.outcome}"
    for task in record.tasks:
        if task.state != "Completed":
            yield f"{RUN_RECORD_NAME}: task {task.name}: {task.state} {task.reason}".rstrip()


def _output_problems(record: RunRecord, output: Path) -> Iterator[str]:
    named = [out.path for out in record.outputs]
    yield from (f"{path}: is not recorded as an output" for path in REQUIRED if path not in named)
    for out in record.outputs:
        if not is_within(output, out.path):
            yield f"{RUN_RECORD_NAME}: output {out.path!r} lies outside of the output directory"
        elif problem := _content_problem(output / out.path, out):
            yield problem


def _content_problem(path: Path, recorded: Fingerprint) -> str | None:
    try:
        seen = fingerprint(path)
    except FileNotFoundError:
        return f"{recorded.path}: is missing"
    except (OSError, BadInputError) as error:
        return f"{recorded.path}: cannot be read: {error}"
    return None if seen == recorded.fingerprint else f"{recorded.path}: was altered"


def _strangers(record: RunRecord, output: Path) -> Iterator[str]:
    """Files that look like results but are not of this run; hidden files are internal, and left out."""
    recorded = {PurePosixPath(out.path) for out in record.outputs}
    for folder, names, files in os.walk(output):
        at = PurePosixPath(Path(folder).relative_to(output).as_posix())
        inner = [n for n in names if not n.startswith(".") and at / n not in recorded]
        ours = [
            n for n in inner if str(at / n) in STAGE_FOLDERS or at.parts[:1] == (PAIRS,) or str(at) == PAIRS
        ]
        ours = [
            n
            for n in ours
            if any(at / n in path.parents for path in recorded) or str(at / n) in STAGE_FOLDERS
        ]
        for name in sorted({*inner, *files} - {*ours}):
            path = at / name
            if path in recorded or name.startswith(".") or str(path) == RUN_RECORD_NAME:
                continue
            if at.parts or _LIKE_AN_OUTPUT.fullmatch(name):
                yield f"{path}: was not written by this run"
        names[:] = ours


def _setting_problems(seen: ReconstructSettings, wanted: ReconstructSettings) -> Iterator[str]:
    mine, theirs = _flat(wanted.model_dump()), _flat(seen.model_dump())
    for name in mine.keys() | theirs.keys():
        if mine.get(name) != theirs.get(name):
            yield f"{RUN_RECORD_NAME}: setting {name} was {theirs.get(name)!r}, not {mine.get(name)!r}"


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def _input_problems(record: RunRecord, output: Path, acquisition: Path | None) -> Iterator[str]:
    slices: dict[int, Path] = {}
    unlike = []
    for given in record.inputs:
        name = PurePosixPath(given.path).name
        match = _INPUT.fullmatch(name)
        if match is None or given.path.startswith("/") or not given.path.isprintable():
            yield f"{RUN_RECORD_NAME}: input {given.path!r} is none that a run reads"
            continue
        path = output.resolve() / given.path
        if acquisition is not None:
            path = _moved(acquisition, name, path)
        if match[1] is not None:
            slices[int(match[1])] = path
        if problem := _content_problem(path, given):
            unlike.append(problem)
    if slices and not any(path.exists() for path in slices.values()):
        place = os.path.normpath(next(iter(slices.values())).parent)
        yield f"inputs: none is in {place}; --inputs says where they are, --outputs-only leaves them unread"
        return
    yield from (f"input {problem}" for problem in unlike)
    if not slices:
        yield f"{RUN_RECORD_NAME}: names no slice among its inputs"
        return
    folder = next(iter(slices.values())).parent
    by_hand = {PurePosixPath(given.path).name for given in record.inputs if given.path.endswith(".tfm")}
    home = folder.parent if folder.name == SLICES_FOLDER else folder
    yield from _new_slices(home, set(slices), by_hand)


def _moved(acquisition: Path, name: str, before: Path) -> Path:
    """Where an input is now; shifts may lie elsewhere, and stay there when an acquisition moves."""
    if name.endswith(".tfm"):
        return acquisition / MANUAL_FOLDER / name
    direct, nested = acquisition / name, acquisition / SLICES_FOLDER / name
    if not nested.exists() and not direct.exists() and name.endswith(".csv") and name != CONFIG_NAME:
        return before
    return nested if nested.exists() else direct


def _new_slices(acquisition: Path, recorded: set[int], by_hand: set[str]) -> Iterator[str]:
    """Slices and transforms set by hand that a run of today would use too."""
    try:
        found = find_acquisition(acquisition)
        used = used_slices(found, slice_table(found), allow_missing=True)
    except (BadInputError, OSError) as error:
        yield f"inputs: {error}"
        return
    for path in found.manual.values():
        if path.name not in by_hand:
            yield f"input {MANUAL_FOLDER}/{path.name}: is there, but the run did not know it"
    for slice_id in sorted(used.keys() - recorded):
        yield f"input {used[slice_id].name}: is there and used, but the run did not know it"
    for slice_id in sorted(recorded & found.slices.keys() - used.keys()):
        yield f"input {found.slices[slice_id].name}: the run used it, but it is excluded now"
