"""The seal of a finished run: by it a later one knows, without a server, that nothing is new.

A run that follows another is known to end the same if it asks for the same, of the same program, if every
input holds the same content, and if every task would find its outputs whole. Those are the checks that tasks
make themselves; the seal only says which tasks there were. It is broken when a run begins to work, and
set anew when one has finished.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from flows.engine.caching import CacheEntry, checksums_of, outputs_of
from flows.engine.places import Places
from schemas.contract import Contract
from schemas.run_record import Fingerprint, TaskRecord
from soct_core.errors import BadInputError, ForeignFileError, OutputError
from soct_core.file_names import MANUAL_FOLDER, SEAL_PATH, SLICES_FOLDER
from soct_core.run.leftovers import remove_leftovers
from soct_core.run.lock import run_lock
from soct_core.storage.fingerprint import fingerprint
from soct_core.storage.fingerprint_memo import remembering
from soct_core.storage.own_files import publish_own, read_own, refuse_foreign_within
from soct_core.storage.safe_paths import refuse_output_among_inputs, refuse_unusable_place
from soct_core.versions import software_versions

Result = TypeVar("Result", bound=Contract)
_MOST_BYTES = 2**27
_OURS = ("flows", "schemas", "soct_core")


class SealedTask(Contract):
    """A task of the run, and the key of what it made."""

    name: str
    key: str
    reason: str = ""


class Seal(Contract):
    """What a finished run depended on, and what it returned."""

    asked: str
    inputs: tuple[Fingerprint, ...]
    """Paths relative to the acquisition."""
    tasks: tuple[SealedTask, ...]
    result: str
    """As `Places.write` has it."""

    def records(self) -> tuple[TaskRecord, ...]:
        """Records of the tasks of a run that finds everything made."""
        return tuple(
            TaskRecord(name=task.name, state="Completed", cached=True, seconds=0.0, reason=task.reason)
            for task in self.tasks
        )


class Request(Protocol):
    """What a run is asked for, before anything is opened."""

    @property
    def places(self) -> Places:
        """The two directories of the run."""
        ...

    def digest(self) -> str:
        """Of what is asked for, of the program that is asked, and of which files there are."""
        ...


@dataclass(frozen=True)
class KnownRun(Generic[Result]):
    """A finished run after which nothing changed."""

    seal: Seal
    outputs: tuple[Fingerprint, ...]
    """All that its tasks have written."""
    result: Result


def asked_of(acquisition: Path, outside: Sequence[Path], *settings: str) -> str:
    """Digest of all that a run depends on beside the content of its acquisition.

    Parameters
    ----------
    outside
        Inputs that may lie elsewhere.
    settings
        Settings and options, each as text.
    """
    digest = hashlib.blake2b(digest_size=16)
    names = _names_in(acquisition)
    versions = json.dumps(software_versions(), sort_keys=True)
    for part in (_program(), versions, *names, *map(_content, outside), *settings):
        digest.update(f"{len(part)}:".encode() + part.encode(errors="surrogateescape"))
    return digest.hexdigest()


def break_seal(output: Path) -> None:
    """Have no later run believe what an earlier one left, until one has finished."""
    with suppress(FileNotFoundError):
        (output / SEAL_PATH).unlink()


def set_seal(
    request: Request,
    asked: str,
    entries: Sequence[CacheEntry],
    tasks: Iterable[TaskRecord],
    inputs: Iterable[Path],
    result: Contract,
) -> None:
    """Seal a finished run. Without a seal the next one only takes longer: nothing that fails here counts.

    Parameters
    ----------
    asked
        What `request` said before anything was looked at; where it says otherwise by now, no seal is set.
    inputs
        All that was read, but what `asked` speaks of. If no task has looked at one of them, no seal is set.
    """
    if request.digest() != asked:
        return
    places = entries[0].places
    reasons = {task.name: task.reason for task in tasks}
    # As it was when the keys were taken: what changed since then is new to the next run.
    seen = {path: content for entry in reversed(entries) for path, (content, _) in entry.inputs.items()}
    with suppress(OutputError, ForeignFileError, ValueError, KeyError):
        seal = Seal(
            asked=asked,
            inputs=tuple(
                Fingerprint(path=path.relative_to(places.acquisition).as_posix(), fingerprint=seen[path])
                for path in inputs
            ),
            tasks=tuple(
                SealedTask(name=entry.name, key=entry.key, reason=reasons[entry.name])
                for entry in entries
                # What these have written is gone: it is in what others have.
                if not entry.passing
            ),
            result=places.write(result.model_dump()),
        )
        publish_own(places.output, SEAL_PATH, seal.model_dump_json() + "\n")


@contextmanager
def known_run(request: Request, kind: type[Result], command: str) -> Iterator[KnownRun[Result] | None]:
    """The run that left the output, if one that asks for the same would find everything made.

    The output is locked within.

    Raises
    ------
    OutputBusyError
        If another run is at work there.
    """
    output = request.places.output
    try:
        refuse_unusable_place(output)
        refuse_output_among_inputs(output, request.places.acquisition)
        refuse_foreign_within(output)
        is_sealed = (output / SEAL_PATH).is_file()
    except BadInputError:
        is_sealed = False  # The run itself says so.
    if not is_sealed:
        yield None
        return
    with run_lock(output, command) as not_promised, remembering(output):
        found = None if not_promised else _unbroken(request, kind)
        if found is not None:
            remove_leftovers(output)
        yield found


def _unbroken(request: Request, kind: type[Result]) -> KnownRun[Result] | None:
    places, asked = request.places, request.digest()
    try:
        seal = Seal.model_validate_json(read_own(places.output, SEAL_PATH, _MOST_BYTES))
        if seal.asked != asked or any(
            fingerprint(places.acquisition / one.path) != one.fingerprint for one in seal.inputs
        ):
            return None
        outputs: list[Fingerprint] = []
        for task in seal.tasks:
            written = outputs_of(places.output, checksums_of(places.output, task.name), task.key)
            if written is None:
                return None
            outputs += written
        return KnownRun(seal, tuple(outputs), places.read(seal.result, kind))
    except (OSError, BadInputError, ValueError):
        return None


def _names_in(acquisition: Path) -> list[str]:
    """Names of all that a run may take for a slice, a table or a transform, or warn of."""
    found: list[str] = []
    for folder in ("", SLICES_FOLDER, MANUAL_FOLDER):
        place = acquisition / folder
        found += [
            f"{folder}/{path.name}"
            for path in (place.iterdir() if place.is_dir() else ())
            if folder == MANUAL_FOLDER or path.name.lower().startswith(("slice", "shifts"))
        ]
    return sorted(found)


def _content(path: Path) -> str:
    try:
        return fingerprint(path)
    except (OSError, BadInputError) as error:
        return type(error).__name__


@cache
def _program() -> str:
    """Digest of the source of this program: finer than the versions of its stages."""
    digest = hashlib.blake2b(digest_size=16)
    root = Path(__file__).parents[2]
    for file in sorted(file for name in _OURS for file in (root / name).rglob("*.[pj][y2]")):
        digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()
