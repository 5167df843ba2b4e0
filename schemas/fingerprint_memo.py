"""What is remembered of the files of one store, so that unchanged ones are not read again."""

from __future__ import annotations

from schemas.contract import Contract

FileStat = tuple[int, int, int, int]
"""Size, modification and change time in ns, inode."""


class RememberedFile(Contract):
    """One file: what its directory entry said, and the hash of what it held then."""

    stat: FileStat
    content: str


class RememberedStore(Contract):
    """All files of a store whose hash can be trusted as long as their `stat` stays."""

    store: str
    """Absolute path."""
    files: dict[str, RememberedFile]
    """By name relative to the store."""
