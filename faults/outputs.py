"""What a run left behind: whole under every final name, and equal to that of an undisturbed run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from soct_core.storage.fingerprint import fingerprint

Contents = dict[str, str]
# Hold times and durations, and are checked for their form alone.
_TIMED = {"report.html", "run.json"}
_OF_THE_RUN = {"seconds", "kept_planes", "parts", "imaged"}
"""Keys that say how outputs came about and not what they are: a run that goes on after a death keeps
planes of the volume that it finds, and its `plan.json` says so."""


def contents(output: Path) -> Contents:
    """Content of everything under a final name, images as one; what differs by time alone left out."""
    return {path.relative_to(output).as_posix(): _content(path) for path in _finals(output)}


def leftovers(output: Path) -> list[str]:
    """Half-made files of dead runs."""
    return [str(p.relative_to(output)) for p in output.rglob(".partial-*")]


def not_whole(output: Path, references: Sequence[Contents]) -> list[str]:
    """Files under a final name that are in none of the undisturbed runs just like that."""
    faults = []
    for name, content in contents(output).items():
        # A run that failed says so; what it made of other inputs is another matter.
        if content != "run failed" and not any(r.get(name) == content for r in references):
            faults.append(name)
    return faults


def _finals(output: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(output):
        for name in (*names, *files):
            image = name.endswith(".zarr")
            if not name.startswith(".") and (image or name in files):
                yield Path(folder, name)
        names[:] = [n for n in names if not n.endswith(".zarr") and not n.startswith(".")]


def _content(path: Path) -> str:
    if path.is_dir() or path.suffix not in (".json", ".html"):
        return fingerprint(path)
    if path.suffix == ".html":
        return "html" if path.read_text().rstrip().endswith("</html>") else "broken html"
    try:
        found = json.loads(path.read_text())
    except ValueError:
        return "broken json"
    if path.name in _TIMED:
        return f"run {found['outcome']}"
    return json.dumps(_timeless(found), sort_keys=True)


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if k not in _OF_THE_RUN}
    return [_timeless(v) for v in value] if isinstance(value, list) else value
