"""Atomic publication: everything appears under its final name only when it is whole.

A file or directory is made beside its final place under a name that no reader looks for,
flushed to disk, and renamed.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from soct_core.errors import OutputError

PARTIAL_PREFIX = ".partial-"
# Of the Linux kernel, for renameat2(2).
_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
NOT_SYNCED = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}
"""What file systems answer that cannot sync a directory. The rename has happened nevertheless."""


@contextmanager
def published(final: Path) -> Iterator[Path]:
    """Yield a path beside `final`; on success what was made there becomes `final`.

    The path does not exist yet; make a file or a directory there. On any error it is
    removed and `final` stays as it was.

    Raises
    ------
    OutputError
        If the parent directory cannot be made or the result cannot be renamed.
    """
    make_directory(final.parent)
    partial = final.with_name(f"{PARTIAL_PREFIX}{os.getpid()}-{uuid4().hex[:8]}-{final.name}")
    try:
        yield partial
        _sync(partial)
        _replace(partial, final)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"{final}: cannot be written: {error.strerror or error}") from error
    finally:
        remove(partial)


def publish_text(final: Path, text: str) -> None:
    """Write a text file (UTF-8, as is) atomically."""
    publish_bytes(final, text.encode())


def publish_bytes(final: Path, data: bytes) -> None:
    """Write a binary file atomically."""
    with published(final) as partial:
        partial.write_bytes(data)


def make_directory(path: Path) -> None:
    """Make a directory and what holds it; the name of each new one is on the disk afterwards.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    new = []
    try:
        while not path.exists() and path not in new:
            new.append(path)
            path = path.parent
        for folder in reversed(new):
            folder.mkdir(exist_ok=True)
            sync_directory(folder.parent)
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except OSError as error:
        wanted = new[0] if new else path
        raise OutputError(f"{wanted}: cannot be written: {error.strerror or error}") from error


def sync_directory(path: Path) -> bool:
    """Have the names in a directory written to disk; False where the file system cannot do that.

    Raises
    ------
    OSError
        If the disk fails.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_SYNCED:
            raise
        return False
    finally:
        os.close(descriptor)
    return True


def remove(path: Path) -> None:
    """Remove a file or a directory if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _replace(partial: Path, final: Path) -> None:
    if final.is_symlink() and partial.is_dir():
        raise OutputError(
            f"{final}: is a link, wanted a place for a directory; "
            "remove the link, or move what it leads to back here"
        )
    if final.exists() and final.is_dir() != partial.is_dir():
        kinds = ("directory", "file") if final.is_dir() else ("file", "directory")
        raise OutputError(f"{final}: is a {kinds[0]} already, wanted a place for a {kinds[1]}")
    if final.is_dir():
        # rename(2) does not replace a directory that holds something.
        _exchange(partial, final)
    else:
        partial.replace(final)
    sync_directory(final.parent)


def _exchange(partial: Path, final: Path) -> None:
    """Swap two directories in one step where the kernel can, in two renames elsewhere."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    arguments = (_AT_FDCWD, os.fsencode(partial), _AT_FDCWD, os.fsencode(final), _RENAME_EXCHANGE)
    if renameat2 is not None and renameat2(*arguments) == 0:
        return
    aside = partial.with_name(f"{partial.name}-old")
    final.rename(aside)
    try:
        partial.rename(final)
    except OSError:
        aside.rename(final)
        raise
    remove(aside)


def _sync(path: Path) -> None:
    if not path.is_dir():
        _sync_file(path)
    # POSIX keeps the names of files with the directory that holds them: each needs a sync of its own.
    for folder, _, files in os.walk(path, topdown=False):
        for name in files:
            _sync_file(Path(folder, name))
        sync_directory(Path(folder))


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
