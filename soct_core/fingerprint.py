"""Content fingerprints of files and stores."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

from soct_core.errors import BadInputError

_BLOCK = 2**22
# Clocks of file systems tick as coarsely as this: of a file touched since, a second change in the
# same tick could not be seen.
_TICK_NS = 2 * 10**9

Stat = tuple[str, int, int, int, int]
Witness = dict[Path, tuple[str, str]]
"""Fingerprints of paths, and what their files looked like then; empty: touched too lately to tell."""
_noted: ContextVar[Witness | None] = ContextVar("noted", default=None)


def fingerprint(path: Path) -> str:
    """Hash of what a file or directory holds: names and bytes, never times.

    The hash of unchanged files is remembered within the process, keyed on size, inode and
    both times of each file; that of files touched within the last two seconds never is.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    BadInputError
        If it holds a pipe, a device, or a link back to itself.
    """
    stats = _stats(path)
    settled = _settled(stats)
    found = (_content_hash if settled else _content_hash.__wrapped__)(os.fspath(path), stats)
    if (noted := _noted.get()) is not None:
        noted[path] = found, _look(stats) if settled else ""
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
            if look != _look(_stats(path)) and fingerprint(path) != content:
                return path
        except (OSError, BadInputError):
            return path
    return None


def _look(stats: tuple[Stat, ...]) -> str:
    return hashlib.blake2b(repr(stats).encode(), digest_size=16).hexdigest()


def _stats(path: Path) -> tuple[Stat, ...]:
    if not path.is_dir():
        return (_stat(path, ""),)
    return tuple(_stat(p, p.relative_to(path).as_posix()) for p in sorted(files_below(path)))


def files_below(path: Path) -> Iterator[Path]:
    """All files below, through links too.

    Raises
    ------
    BadInputError
        If a link leads to a directory that holds it: the walk would hardly end.
    """
    above: dict[str, frozenset[tuple[int, int]]] = {os.fspath(path): frozenset()}
    for folder, names, files in os.walk(path, followlinks=True):
        s = Path(folder).stat()
        lineage = above.pop(folder)
        if (s.st_dev, s.st_ino) in lineage:
            raise BadInputError(f"{folder}: is a link to a directory that holds it")
        lineage |= {(s.st_dev, s.st_ino)}
        above |= {os.path.join(folder, name): lineage for name in names}  # noqa: PTH118
        yield from (Path(folder, name) for name in files)


def _stat(path: Path, name: str) -> Stat:
    s = path.stat()
    if not stat.S_ISREG(s.st_mode):
        # To hash a pipe is to wait for ever, and a device never ends.
        raise BadInputError(f"{path}: is a pipe or device, wanted a file")
    return (name, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino)


def _settled(stats: tuple[Stat, ...]) -> bool:
    """Whether no file was touched lately; one from the future, after a clock jump, was."""
    newest = max((max(mtime, ctime) for _, _, mtime, ctime, _ in stats), default=0)
    return newest < time.time_ns() - _TICK_NS


@lru_cache(maxsize=4096)
def _content_hash(root: str, stats: tuple[Stat, ...]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, size, *_ in stats:
        digest.update(f"{name}\0{size}\0".encode())
        with Path(root, name).open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
