"""Deployment files of one acquisition each."""

from __future__ import annotations

from pathlib import Path


def write(folder: Path, name: str, text: str = "") -> Path:
    """A file that deploys the acquisition of its own name."""
    file = folder / name
    file.write_text(f'acquisition = "{file.stem}"\n{text}', encoding="utf-8")
    return file
