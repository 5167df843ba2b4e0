"""All files of a store, through links too."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from soct_core.errors import BadInputError


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
