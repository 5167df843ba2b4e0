"""Our slices rewritten as another program would have written them."""

from __future__ import annotations

from pathlib import Path

import zarr

from soct_core.volume import open_volume

SCALE_MM = (0.04, 0.05, 0.05)


def rewrite_foreign(path: Path) -> None:
    """Replace one of our slices by NGFF 0.4, zarr v2, millimetres, another level path, t and c axes."""
    data = open_volume(path)[...]
    group = zarr.open_group(path, mode="w", zarr_format=2)
    array = group.create_array(
        "s0/full", shape=(1, 1, *data.shape), chunks=(1, 1, 2, 60, 70), dtype=data.dtype
    )
    array[0, 0] = data
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": axis, "type": "space", "unit": "millimeter"} for axis in "zyx"]
    # Half of the scale stands at the dataset, half at the multiscale: both count.
    datasets = [
        {
            "path": "s0/full",
            "coordinateTransformations": [{"type": "scale", "scale": [1, 1, *(s / 2 for s in SCALE_MM)]}],
        }
    ]
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": axes,
            "datasets": datasets,
            "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 2, 2, 2]}],
        }
    ]
