"""The product's own state under an output: the one door through which it is opened.

Whoever can write to an output can put a link, a pipe or a device where the lock or a record should
lie. So below the output no link is followed, neither in the last part of a path nor in the parts
before it, nothing is emptied or read before it is known to be a regular file, and nothing that has
another name elsewhere is written to.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from soct_core.errors import ForeignFileError
from soct_core.file_names import STAGE_FOLDERS, STATE_FOLDER
from soct_core.storage.atomic import make_directory, publish_text

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK the opening of a pipe waits for its other end.
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def open_own(output: Path, name: str, flags: int, mode: int = 0o666) -> int:
    """Open a file of the state of an output; gives its descriptor.

    Parameters
    ----------
    output
        The output directory, itself reached through whatever links the user likes.
    name
        Path of the file below it.
    flags
        Of `os.open`; with `O_CREAT` missing folders are made. `O_TRUNC` is not for here.

    Raises
    ------
    ForeignFileError
        If it, or a folder on the way, is no file or folder of the product's own.
    OSError
        If it is not there or cannot be opened.
    """
    path = output / name
    if flags & os.O_CREAT:
        make_own_folder(output, str(PurePosixPath(name).parent))
    with _parent(output, name) as folder:
        try:
            descriptor = os.open(path.name, flags | _FILE, mode, dir_fd=folder)
        except OSError as error:
            # A socket, a pipe without a reader and a link say so in errors of their own.
            if error.errno in {errno.ELOOP, errno.ENXIO, errno.EISDIR, errno.EMLINK}:
                raise _foreign(path) from error
            raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or (flags & os.O_ACCMODE != os.O_RDONLY and found.st_nlink > 1):
        os.close(descriptor)
        raise _foreign(path)
    return descriptor


def read_own(output: Path, name: str, limit: int) -> bytes:
    """The bytes of a file of the state of an output, of at most `limit` bytes; see `open_own`."""
    with os.fdopen(open_own(output, name, os.O_RDONLY), "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"is larger than {limit} bytes", str(output / name))
    return content


def publish_own(output: Path, name: str, text: str) -> None:
    """Write a text file of the state of an output atomically; see `open_own`."""
    make_own_folder(output, str(PurePosixPath(name).parent))
    publish_text(output / name, text)


def make_own_folder(output: Path, name: str) -> None:
    """Make a folder below an output where it is missing.

    Raises
    ------
    ForeignFileError
        If it, or a folder on the way, is something else.
    OutputError
        If it cannot be made.
    """
    make_directory(output)
    path = output
    for part in PurePosixPath(name).parts:
        path = path / part
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise _foreign(path, "a directory")
        make_directory(path)


def refuse_foreign_within(output: Path) -> None:
    """Refuse an output in which the place of a folder or of a state file is taken by something else.

    What a run writes must stay within its output; what it reads of its own must be its own.

    Raises
    ------
    ForeignFileError
    """
    for name in STAGE_FOLDERS:
        for path in (output / name, *_entries(output / name)):
            if path.is_symlink() and (path.is_dir() or path.parent == output):
                raise _foreign(path, "a directory")
    state = output / STATE_FOLDER
    if state.is_symlink():
        raise _foreign(state, "a directory")
    for folder, names, files in os.walk(state):
        for path in (Path(folder, name) for name in (*names, *files)):
            if stat.S_IFMT(path.lstat().st_mode) not in {stat.S_IFREG, stat.S_IFDIR}:
                raise _foreign(path, "a directory" if path.is_dir() else "a file")


@contextmanager
def _parent(output: Path, name: str) -> Iterator[int]:
    """Descriptor of the folder that holds a file, reached without following a link below the output."""
    path, held = output, os.open(output, _FOLDER & ~os.O_NOFOLLOW)
    try:
        for part in PurePosixPath(name).parts[:-1]:
            path = path / part
            try:
                below = os.open(part, _FOLDER, dir_fd=held)
            except OSError as error:
                if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EMLINK}:
                    raise _foreign(path, "a directory") from error
                raise
            os.close(held)
            held = below
        yield held
    finally:
        os.close(held)


def _entries(folder: Path) -> Iterator[Path]:
    yield from folder.iterdir() if folder.is_dir() and not folder.is_symlink() else ()


def _foreign(path: Path, wanted: str = "a file") -> ForeignFileError:
    try:
        found = path.lstat()
    except OSError:
        return ForeignFileError(f"{path}: is taken by something else, wanted {wanted} of this program")
    regular = "a file that has another name elsewhere" if wanted == "a file" else "a file"
    kind = _KINDS.get(stat.S_IFMT(found.st_mode), regular)
    return ForeignFileError(
        f"{path}: is {kind}, wanted {wanted} of this program; remove it if no run is at work"
    )
