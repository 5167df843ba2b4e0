"""Content fingerprints of files and stores, and whether what was fingerprinted is still there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from soct_core.errors import BadInputError
from soct_core.fingerprint_memo import is_settled, memo, process_memo, stat_of

Witness = dict[Path, tuple[str, str]]
"""Fingerprints of paths, and what their files looked like then; empty: touched too lately to tell."""
_noted: ContextVar[Witness | None] = ContextVar("noted", default=None)


def fingerprint(path: Path) -> str:
    """Hash of what a file or directory holds: names and bytes, never times.

    Files whose stat is that of the last time are not read again, see `soct_core.fingerprint_memo`:
    those of stores not even by the next process.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    BadInputError
        If it holds a pipe, a device, or a link back to itself.
    """
    files = files_of(path)
    look = _look(files) if _noted.get() is not None else ""
    hashes = (memo() if path.is_dir() else process_memo()).hashes(path.absolute(), files)
    digest = hashlib.blake2b(digest_size=16)
    for name, content in hashes.items():
        digest.update(f"{name}\0{content}\0".encode())
    found = digest.hexdigest()
    if (noted := _noted.get()) is not None:
        noted[path] = found, look
    return found


@contextmanager
def witnessed() -> Iterator[Witness]:
    """Note every fingerprint that is taken within, so that `changed` can tell later."""
    noted: Witness = {}
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def changed(witness: Witness) -> Path | None:
    """The first path that holds other content now, or None; cheap where no file was touched."""
    for path, (content, look) in witness.items():
        try:
            if (not look or look != _look(files_of(path))) and fingerprint(path) != content:
                return path
        except (OSError, BadInputError):
            return path
    return None


def files_of(path: Path) -> dict[str, str]:
    """Paths of all files of a store by their relative names, in order; a plain file by the empty name."""
    root = os.fspath(path)
    if not path.is_dir():
        return {"": root}
    return {file[len(root) + 1 :]: file for file in sorted(files_below(root))}


def files_below(root: str) -> Iterator[str]:
    """Paths of all files below, through links too.

    Raises
    ------
    BadInputError
        If a link leads to a directory that holds it: the walk would hardly end.
    """
    above: dict[str, frozenset[tuple[int, int]]] = {root: frozenset()}
    for folder, names, files in os.walk(root, followlinks=True):
        s = Path(folder).stat()
        lineage = above.pop(folder)
        if (s.st_dev, s.st_ino) in lineage:
            raise BadInputError(f"{folder}: is a link to a directory that holds it")
        lineage |= {(s.st_dev, s.st_ino)}
        above |= {f"{folder}{os.sep}{name}": lineage for name in names}
        yield from (f"{folder}{os.sep}{name}" for name in files)


def _look(files: dict[str, str]) -> str:
    """What the directory says of all files; empty when one was touched too lately to rely on it."""
    stats = {name: stat_of(path) for name, path in files.items()}
    if not all(map(is_settled, stats.values())):
        return ""
    return hashlib.blake2b(repr(stats).encode(), digest_size=16).hexdigest()
