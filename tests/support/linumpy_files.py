"""What linumpy leaves, written as it writes: through ome-zarr, which loses scale and unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from ome_zarr.io import parse_url
from ome_zarr.writer import write_image

EXAMPLE_CONFIG = """\
slice_id,use,quality_score,ssim_mean,edge_score,variance_score,depth,exclude_reason
00,false,0.000,0.000,0.000,0.000,120,calibration_slice
01,true,0.756,0.891,0.612,0.534,85,
02,false,0.198,0.231,0.112,0.198,85,low_quality
03,true,0.812,0.923,0.701,0.645,85,
"""
SHIFTS = """\
fixed_id,moving_id,x_shift,y_shift,x_shift_mm,y_shift_mm,reliable
0,1,1.0,0.0,0.05,0.0,1
1,2,0.0,2.0,0.0,0.1,0
2,3,0.0,0.0,0.0,0.0,1
"""
FRAGMENT = "slice_id,method,method_used,fallback_reason,interpolation_failed,output_path\n"
VOXEL_UM = (40.0, 50.0, 50.0)


def write_slice(folder: Path, slice_id: int, data: NDArray[Any], word: str = "normalize") -> Path:
    """A slice in the common space, whose axes, given as dicts, cost it its scale and unit."""
    path = folder / f"slice_z{slice_id:02d}_{word}.ome.zarr"
    path.mkdir(parents=True)
    location = parse_url(path, mode="w")
    assert location is not None
    sizes = [[size * 2**level / 1000 for size in VOXEL_UM] for level in range(2)]
    write_image(
        data,
        zarr.group(store=location.store),
        axes=[{"name": name, "type": "space", "unit": "millimeter"} for name in "zyx"],
        scale_factors=[2],
        storage_options={"chunks": (128, 128, 128)},
        coordinate_transformations=[[{"type": "scale", "scale": size}] for size in sizes],
    )
    return path


def acquisition(folder: Path) -> Path:
    """Slices 1 and 3 as `bring_to_common_space` publishes them, with the tables beside them."""
    rng = np.random.default_rng(5)
    for slice_id in (1, 3):
        write_slice(folder, slice_id, rng.random((6, 24, 30), np.float32))
    (folder / "slice_config.csv").write_text(EXAMPLE_CONFIG)
    (folder / "shifts_xy.csv").write_text(SHIFTS)
    return folder
