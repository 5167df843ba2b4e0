"""Images stored in chunks, of which one may be lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import zarr
from numpy.typing import NDArray

from soct_core.volume.writing import write_image

SIZE = (40.0, 25.0, 25.0)


def stored_image(path: Path, data: NDArray[Any], version: str = "0.5") -> Path:
    """An image in chunks of (8, 512, 512)."""
    write_image(path, data, SIZE, version)
    return path


def lose_chunk(path: Path, *chunk: int) -> Path:
    """Remove the file of one chunk of level 0."""
    array = zarr.open_group(path, mode="r")["0"]
    file = path / "0" / array.metadata.encode_chunk_key(chunk)
    file.unlink()
    return file
