"""A tiny acquisition for tests that never look at its voxels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from soct_core.volume.writing import write_image


def small_acquisition(directory: Path) -> Path:
    """Three slices of noise, 0 to 2."""
    rng = np.random.default_rng(0)
    for slice_id in range(3):
        data = rng.integers(0, 1000, (4, 32, 32)).astype(np.uint16)
        write_image(directory / f"slice_z{slice_id:02d}.ome.zarr", data, (50.0, 25.0, 25.0))
    return directory
