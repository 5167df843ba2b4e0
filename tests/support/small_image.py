"""One small slice on disk, in either version of the format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from soct_core.volume.writing import write_image


def image(folder: Path, version: Any = "0.5") -> Path:
    """Slice 1, four planes of five by six pixels, each voxel another number."""
    path = folder / "slice_z01.ome.zarr"
    write_image(path, np.arange(120, dtype=np.uint16).reshape(4, 6, 5), (10.0, 5.0, 5.0), version)
    return path
