"""Images with pyramids, written to disk and read back level by level."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray
from placed_slices import ImageLevel, levels_at

from soct_core.volume.writing import ImageSpec, image_writer

Version = Literal["0.4", "0.5"]
VERSIONS: tuple[Version, ...] = ("0.4", "0.5")
VOXEL = (10.0, 2.5, 5.0)
# Levels of 229 by 409, 115 by 205 and 58 by 103; in z more than one buffer, the last one odd.
ODD = (11, 229, 409)
# Order of doubt: interpolated is the worst, then a gap, then a blend, then measured.
DOUBT = {2: 3, 0: 2, 3: 1, 1: 0}


def spec(shape: tuple[int, int, int] = ODD, dtype: Any = np.uint16, **more: Any) -> ImageSpec:
    """An image of 10 by 2.5 by 5 µm voxels."""
    return ImageSpec(shape, np.dtype(dtype), VOXEL, **more)


def multiscales(group: zarr.Group) -> dict[str, Any]:
    """The first multiscale image of a group, of either version."""
    attributes = group.attrs.asdict()
    found: dict[str, Any] = attributes.get("ome", attributes)["multiscales"][0]
    return found


Array = NDArray[Any]
ORIGIN = (200.0, -30.0, 12.5)


def written_levels(
    folder: Path, data: Array, sizes_um: tuple[float, ...], labels: Array | None = None
) -> tuple[list[ImageLevel], list[ImageLevel]]:
    """Write data with a pyramid of given voxel sizes; its levels and those of its labels."""
    spec = ImageSpec(data.shape, data.dtype, VOXEL, ORIGIN, pyramid_um=sizes_um)
    path = folder / "a.ome.zarr"
    with image_writer(path, spec, ["provenance"]) as (image, streams):
        image.append(data)
        streams["provenance"].append(np.ones(data.shape, np.uint8) if labels is None else labels)
    return levels_at(path), levels_at(path / "labels" / "provenance")
