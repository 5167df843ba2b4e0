"""Feeding a reader with mutated files, and what must hold whatever bytes it is given.

Each case is accepted with a meaning that survives being written again, or refused by a
BadInputError of one bounded line that names the file. Nothing else: no other exception, no
case that takes long, no file changed.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType

from mutations import Mutation, mutated

from soct_core.errors import MAX_MESSAGE, BadInputError

SECONDS_PER_CASE = 20


@dataclass(frozen=True)
class Target:
    """A reader, a valid file for it to start from, and how such files go wrong."""

    name: str
    place: str
    """Of the file, below the folder of the target."""
    read: Callable[[Path], None]
    """Reads the file in place, and checks that what was accepted means something."""
    mutations: tuple[Mutation, ...]
    costly: int = 1
    """Share of the cases, the greater the fewer."""
    prepare: Callable[[Path], None] = lambda folder: None
    content: bytes = b""
    """Of the valid file; empty: what `prepare` left there."""


@dataclass
class Tally:
    """What became of the cases of one target."""

    accepted: int = 0
    refused: int = 0
    messages: Counter[str] = field(default_factory=Counter)

    @property
    def cases(self) -> int:
        return self.accepted + self.refused


class Broken(AssertionError):
    """A case that was neither accepted with a meaning nor refused as it should be."""


def run(target: Target, cases: int, seed: int, folder: Path) -> Tally:
    """Feed mutated files to a target.

    Raises
    ------
    Broken
        With the seed of the case, and the file left in place.
    """
    folder.mkdir(parents=True)
    target.prepare(folder)
    path = folder / target.place
    valid = target.content or path.read_bytes()
    path.write_bytes(valid)
    target.read(path)
    tally = Tally()
    for case in range(cases):
        data = mutated(valid, target.mutations, Random(f"{target.name}:{seed}:{case}"))
        path.write_bytes(data)
        try:
            with _limited(SECONDS_PER_CASE):
                message = _refusal(target, path)
        except Exception as error:
            raise Broken(f"{target.name}, seed {seed}, case {case}: {error!r}, see {path}") from error
        if path.read_bytes() != data:
            raise Broken(f"{target.name}, seed {seed}, case {case}: {path} was changed")
        if message is None:
            tally.accepted += 1
        else:
            tally.refused += 1
            tally.messages[message] += 1
    path.write_bytes(valid)
    target.read(path)
    return tally


def _refusal(target: Target, path: Path) -> str | None:
    try:
        target.read(path)
    except BadInputError as error:
        said = str(error)
        name = Path(target.place).parts[0]
        if (
            len(said.splitlines()) != 1
            or not said.isprintable()
            or len(said) > MAX_MESSAGE
            or name not in said
        ):
            raise Broken(f"refused with {said!r}") from error
        return said
    return None


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Broken(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
