"""CSV files saved byte for byte, and what is wrong with a slice config."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.tables.csv_table import TableFaults
from schemas.tables.slice_config import SLICE_CONFIG


def saved(folder: Path, content: str | bytes, name: str = "slice_config.csv") -> Path:
    """The content as a file, byte for byte."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def faults_of(path: Path) -> list[str]:
    """What reading the file complains about, by file name; fails where it does not."""
    with pytest.raises(TableFaults) as caught:
        SLICE_CONFIG.read(path)
    return [str(fault).removeprefix(f"{path.parent}/") for fault in caught.value.faults]
