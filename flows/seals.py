"""Cache keys, and seals: what a finished task left on disk, so that a hit is never just believed.

Prefect remembers outcomes by key. A seal beside the outputs remembers which key made which
content; an output that is gone, damaged or made by another key is made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from schemas.contract import Contract
from schemas.run_record import Fingerprint
from schemas.small_file import read_small
from soct_core.atomic import publish_text, remove
from soct_core.containment import is_within
from soct_core.errors import BadInputError, InputChangedError
from soct_core.fingerprint import Witness, changed, fingerprint, witnessed

_FOLDER = ".soct/seals"
_MAX_SEAL_BYTES = 2**20


class Seal(Contract):
    """The content that one key left behind."""

    key: str
    artefacts: tuple[Fingerprint, ...]


class Ticket(Contract):
    """What a task needs to know about caching: its key, and where its seal goes."""

    key: str
    seal: Path
    output: Path
    witness: Witness = Field(default_factory=dict)
    """The content that the key was taken from."""
    fresh: bool = False
    """Believe nothing that earlier runs remembered."""


def cache_key(stage: str, version: str, job_json: str, content: Sequence[str]) -> str:
    """Key of a task: its name, the version of its algorithm, its job, and the content it reads."""
    digest = hashlib.blake2b(digest_size=20)
    for part in (stage, version, job_json, *content):
        digest.update(f"{len(part)}:{part}".encode())
    return f"{stage}-{digest.hexdigest()}"


def ticket(output: Path, name: str, key: Callable[[], str], *, fresh: bool = False) -> Ticket:
    """The ticket of a task run; `name` is unique within a run's output."""
    seal = output / _FOLDER / f"{name.replace(' ', '_')}.json"
    with witnessed() as witness:
        return Ticket(key=key(), seal=seal, output=output, witness=witness, fresh=fresh)


def refuse_changed_input(on: Ticket) -> None:
    """Nothing may be said to be made from what is not there any more.

    Raises
    ------
    InputChangedError
        If an input does not hold what the key was taken from.
    """
    if (path := changed(on.witness)) is not None:
        raise InputChangedError(f"{path}: changed or went away while it was used; run again once it rests")


def put_seal(on: Ticket, artefacts: Sequence[Path]) -> None:
    """Record what a task has written; last of all.

    Raises
    ------
    InputChangedError
        If an input changed meanwhile; what was made from it is removed.
    """
    try:
        refuse_changed_input(on)
    except InputChangedError:
        for path in artefacts:
            remove(path)
        raise
    prints = tuple(
        Fingerprint(path=path.relative_to(on.output).as_posix(), fingerprint=fingerprint(path))
        for path in artefacts
    )
    publish_text(on.seal, Seal(key=on.key, artefacts=prints).model_dump_json(indent=1) + "\n")


def read_seal(on: Ticket) -> Seal | None:
    """The seal, if there is one that can be read."""
    try:
        return Seal.model_validate_json(read_small(on.seal, _MAX_SEAL_BYTES))
    except (OSError, ValidationError):
        return None


def holds(on: Ticket) -> bool:
    """Whether everything that this key made is still there, to the last byte."""
    seal = read_seal(on)
    if seal is None or seal.key != on.key:
        return False
    try:
        return all(
            is_within(on.output, a.path) and fingerprint(on.output / a.path) == a.fingerprint
            for a in seal.artefacts
        )
    except (OSError, BadInputError):
        return False
