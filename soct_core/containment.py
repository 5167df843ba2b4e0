"""Containment: whether a path that a file names stays below the directory it speaks of."""

from __future__ import annotations

from pathlib import Path, PurePosixPath


def is_within(directory: Path, named: str) -> bool:
    """Whether a relative path names something below `directory`, links followed."""
    parts = PurePosixPath(named).parts
    plain = bool(parts) and not named.startswith("/") and ".." not in parts and named.isprintable()
    # Beyond what file systems take, the question itself is an error.
    short = len(named) < 1024 and all(len(part.encode("utf-8", "replace")) < 256 for part in parts)
    return plain and short and directory.resolve() in (directory / named).resolve().parents
