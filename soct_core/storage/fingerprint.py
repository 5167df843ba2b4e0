"""Content fingerprints of files and stores, and whether what was fingerprinted is still there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from soct_core.errors import BadInputError, ReadError, unreadable
from soct_core.storage.file_tree import files_of
from soct_core.storage.fingerprint_memo import is_settled, memo, process_memo, stat_of

InputSnapshot = dict[Path, tuple[str, str]]
"""By path: its fingerprint, and a digest of what the directory said of its files then.

The digest is empty where a file was changed so shortly before that another change might not show.
"""
_noted: ContextVar[InputSnapshot | None] = ContextVar("noted", default=None)


def fingerprint(path: Path) -> str:
    """Hash of what a file or directory holds: names and bytes, never times.

    A file whose stat did not change since the last time is not read again (see
    `soct_core.storage.fingerprint_memo`); a file of a store not even by a later process.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    BadInputError
        If it holds a pipe, a device, or a link back to itself.
    """
    files = files_of(path)
    stats = _stat_digest(files) if _noted.get() is not None else ""
    hashes = (memo() if path.is_dir() else process_memo()).hashes(path.absolute(), files)
    digest = hashlib.blake2b(digest_size=16)
    for name, content in hashes.items():
        digest.update(f"{name}\0{content}\0".encode())
    found = digest.hexdigest()
    if (noted := _noted.get()) is not None:
        noted[path] = found, stats
    return found


@contextmanager
def snapshot_inputs() -> Iterator[InputSnapshot]:
    """Note every fingerprint that is taken within, so that `first_changed` can tell later."""
    noted: InputSnapshot = {}
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def first_changed(snapshot: InputSnapshot) -> Path | None:
    """The first path that holds other content now, or None; cheap where no file was touched.

    Raises
    ------
    ReadError
        If the host fails to read one: whether it changed is not known.
    """
    for path, (content, stats) in snapshot.items():
        try:
            if (not stats or stats != _stat_digest(files_of(path))) and fingerprint(path) != content:
                return path
        except OSError as error:
            if isinstance(failed := unreadable(path, error, BadInputError), ReadError):
                raise failed from error
            return path
        except BadInputError:
            return path
    return None


def _stat_digest(files: dict[str, str]) -> str:
    """Digest of what the directory says of all files; empty when one was changed a moment ago."""
    stats = {name: stat_of(path) for name, path in files.items()}
    if not all(map(is_settled, stats.values())):
        return ""
    return hashlib.blake2b(repr(stats).encode(), digest_size=16).hexdigest()
