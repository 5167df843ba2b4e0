"""Content fingerprints of files and stores, and whether what was fingerprinted is still there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

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
        except OSError:
            return path
    return None


def files_of(path: Path) -> dict[str, str]:
    """Paths of all files of a store by their relative names, in order; a plain file by the empty name."""
    root = os.fspath(path)
    if not path.is_dir():
        return {"": root}
    files = (
        f"{folder}{os.sep}{name}" for folder, _, names in os.walk(root, followlinks=True) for name in names
    )
    return {file[len(root) + 1 :]: file for file in sorted(files)}


def _look(files: dict[str, str]) -> str:
    """What the directory says of all files; empty when one was touched too lately to rely on it."""
    stats = {name: stat_of(path) for name, path in files.items()}
    if not all(map(is_settled, stats.values())):
        return ""
    return hashlib.blake2b(repr(stats).encode(), digest_size=16).hexdigest()
