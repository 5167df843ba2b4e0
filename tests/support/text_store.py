"""A directory of text files: what a store looks like to whoever only moves or hashes files."""

from __future__ import annotations

from pathlib import Path


def store(folder: Path, files: dict[str, str]) -> Path:
    """A directory that holds the files, by relative name."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder
