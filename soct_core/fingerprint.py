"""Content fingerprints of files and stores."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

_BLOCK = 2**22

Stat = tuple[str, int, int, int, int]


def fingerprint(path: Path) -> str:
    """Hash of what a file or directory holds: names and bytes, never times.

    The hash of unchanged files is remembered within the process, keyed on size, inode and
    both times of each file.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.
    """
    return _content_hash(os.fspath(path), _stats(path))


def _stats(path: Path) -> tuple[Stat, ...]:
    if not path.is_dir():
        return (_stat(path, ""),)
    walked = os.walk(path, followlinks=True)
    files = sorted(Path(folder, name) for folder, _, names in walked for name in names)
    return tuple(_stat(p, p.relative_to(path).as_posix()) for p in files)


def _stat(path: Path, name: str) -> Stat:
    s = path.stat()
    return (name, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino)


@lru_cache(maxsize=4096)
def _content_hash(root: str, stats: tuple[Stat, ...]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name, size, *_ in stats:
        digest.update(f"{name}\0{size}\0".encode())
        with Path(root, name).open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
