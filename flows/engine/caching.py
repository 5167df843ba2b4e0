"""Caching: keys on content, and checksums of outputs, so that a cache hit is never just believed.

A checksum file beside the outputs remembers which key made which content, and what the task said of
it; an output that is gone, damaged or made by another key is made again. Nothing of it lies elsewhere, and
no key holds where an acquisition lies: what is moved or copied whole is still known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from flows.engine.places import Places
from schemas.contract import Contract
from schemas.run_record import Fingerprint
from soct_core.errors import BadInputError, InputChangedError
from soct_core.file_names import CHECKSUMS_FOLDER
from soct_core.storage.atomic import remove
from soct_core.storage.fingerprint import InputSnapshot, fingerprint, first_changed, snapshot_inputs
from soct_core.storage.own_files import publish_own, read_own
from soct_core.storage.safe_paths import is_within

_MOST_BYTES = 2**20


class OutputChecksums(Contract):
    """The content that one key left behind."""

    key: str
    outputs: tuple[Fingerprint, ...]
    lost: tuple[str, ...] = ()
    """What a passing error has cost, a picture say: the next run makes all of it again."""
    outcome: str = ""
    """What the task returned, as `Places.write` has it."""


class CacheEntry(Contract):
    """What a task needs to know about caching: its key, and where the checksums of its outputs go."""

    name: str
    """Of the task run."""
    key: str
    places: Places
    inputs: InputSnapshot = Field(default_factory=dict)
    """The content that the key was taken from."""
    fresh: bool = False
    """Believe nothing that earlier runs remembered."""
    passing: bool = False
    """What it writes goes on into what a later task of the same run writes."""
    known: str = ""
    """The outcome, where it need not be made again."""

    @property
    def output(self) -> Path:
        """Directory of what the task writes."""
        return self.places.output

    @property
    def checksums(self) -> Path:
        """Where the checksums of the outputs lie."""
        return checksums_of(self.output, self.name)


def cache_key(stage: str, version: str, job_json: str, content: Sequence[str]) -> str:
    """Key of a task: its name, the version of its algorithm, its job, and the content it reads."""
    digest = hashlib.blake2b(digest_size=20)
    for part in (stage, version, job_json, *content):
        digest.update(f"{len(part)}:{part}".encode())
    return f"{stage}-{digest.hexdigest()}"


def cache_entry(
    places: Places, name: str, key: Callable[[], str], outcome: type[Contract], *, fresh: bool = False
) -> CacheEntry:
    """The cache entry of a task run; `name` is unique within a run's output.

    Where its outcome is known and its outputs are whole, the entry holds the outcome.
    """
    with snapshot_inputs() as inputs:
        entry = CacheEntry(name=name, key=key(), places=places, inputs=inputs, fresh=fresh)
    found = None if fresh else read_checksums(entry)
    try:
        if found is not None and outputs_intact(entry):
            places.read(found.outcome, outcome)
            return entry.model_copy(update={"known": found.outcome})
    except ValueError:
        pass  # Of another version, or altered: it is made again.
    return entry


def why_not_known(entry: CacheEntry) -> str:
    """Why a task would run, in words."""
    found = read_checksums(entry)
    if found is None:
        return "not made yet"
    if found.key != entry.key:
        return "its inputs, its settings or the program changed"
    return "a picture was lost by it" if found.lost else "an output of it is gone or was altered"


def checksums_of(output: Path, name: str) -> Path:
    """Where the checksums of a task run lie."""
    return output / CHECKSUMS_FOLDER / f"{name.replace(' ', '_')}.json"


def refuse_changed_input(entry: CacheEntry) -> None:
    """Refuse an outcome whose inputs changed meanwhile: it was not made from what its key says.

    Raises
    ------
    InputChangedError
        If an input does not hold what the key was taken from.
    """
    if (path := first_changed(entry.inputs)) is not None:
        raise InputChangedError(f"{path}: changed or went away while it was used; run again once it rests")


def record_outputs(
    entry: CacheEntry, written: Sequence[Path], outcome: Contract, lost: Sequence[str] = ()
) -> None:
    """Record what a task has written and returned, and what it could not write; last of all.

    Raises
    ------
    InputChangedError
        If an input changed meanwhile; what was made from it is removed.
    """
    try:
        refuse_changed_input(entry)
    except InputChangedError:
        for path in written:
            remove(path)
        raise
    outputs = tuple(
        Fingerprint(path=path.relative_to(entry.output).as_posix(), fingerprint=fingerprint(path))
        for path in written
    )
    told = entry.places.write(outcome.model_dump())
    found = OutputChecksums(key=entry.key, outputs=outputs, lost=tuple(lost), outcome=told)
    publish_own(entry.output, _state_name(entry), found.model_dump_json(indent=1) + "\n")


def read_checksums(entry: CacheEntry) -> OutputChecksums | None:
    """The checksums, if there are any that can be read."""
    return _read(entry.output, entry.checksums)


def outputs_intact(entry: CacheEntry) -> bool:
    """Whether everything that this key made is still there, to the last byte, and nothing was lost."""
    return outputs_of(entry.output, entry.checksums, entry.key) is not None


def outputs_of(output: Path, checksums: Path, key: str) -> tuple[Fingerprint, ...] | None:
    """What a key has made; None if it is not all there to the last byte, or another key made it."""
    found = _read(output, checksums)
    if found is None or found.key != key or found.lost:
        return None
    try:
        whole = all(
            is_within(output, out.path) and fingerprint(output / out.path) == out.fingerprint
            for out in found.outputs
        )
    except (OSError, BadInputError):
        return None
    return found.outputs if whole else None


def renew_checksums(output: Path, name: str, path: Path) -> None:
    """Have a task run that wrote a single file stand by what the file holds now."""
    checksums = checksums_of(output, name)
    found = _read(output, checksums)
    if found is not None and [out.path for out in found.outputs] == [path.relative_to(output).as_posix()]:
        now = Fingerprint(path=found.outputs[0].path, fingerprint=fingerprint(path))
        text = found.model_copy(update={"outputs": (now,)}).model_dump_json(indent=1) + "\n"
        publish_own(output, checksums.relative_to(output).as_posix(), text)


def _read(output: Path, checksums: Path) -> OutputChecksums | None:
    try:
        name = checksums.relative_to(output).as_posix()
        return OutputChecksums.model_validate_json(read_own(output, name, _MOST_BYTES))
    except (OSError, ValidationError):
        return None


def _state_name(entry: CacheEntry) -> str:
    return entry.checksums.relative_to(entry.output).as_posix()
