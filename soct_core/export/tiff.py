"""OME-TIFF [1]_, written plane by plane with a pyramid in the plane; its structure is tifffile's.

References
----------
.. [1] Goldberg IG, Allan C, Burel JM, et al. (2005). The Open Microscopy Environment (OME) data model and
   XML file. Genome Biology 6, R47. doi:10.1186/gb-2005-6-5-r47
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.orientation import from_to
from soct_core.errors import BadInputError
from soct_core.export.source import Exported
from soct_core.storage.atomic import published
from soct_core.volume.pyramid import local_least_trusted, local_mean

MARK = "soct-flows"
_ROWS = 64
"""Of a strip. Not tiles: ITK reads tiles as colours of 8 bits, without a word."""
_LEAST_SIDE = 256
"""The coarsest level is about this wide, or wider."""


def write_tiff(final: Path, image: Exported) -> None:
    """Write a BigTIFF with OME-XML, atomically; levels are halved in the plane, as TIFF can hold them.

    Raises
    ------
    BadInputError
        If tifffile is not installed.
    OutputError
        If the disk refuses.
    """
    levels = _levels(image.shape[1:])
    options: dict[str, Any] = {
        "dtype": image.dtype,
        "rowsperstrip": _ROWS,
        "compression": "zlib",
        "compressionargs": {"level": 1},
        "photometric": "minisblack",
    }
    with published(final) as partial, _tifffile().TiffWriter(partial, bigtiff=True, ome=True) as tiff:
        for level in range(levels + 1):
            size = tuple(-(-n // 2**level) for n in image.shape[1:])
            own = {"subifds": levels, "metadata": _metadata(image)} if level == 0 else {"subfiletype": 1}
            tiff.write(
                _planes(image, level),
                shape=(image.shape[0], *size),
                resolution=tuple(1e4 / (v * 2**level) for v in image.voxel_size_um[:0:-1]),
                resolutionunit="CENTIMETER",
                **own,
                **options,
            )


def _tifffile() -> Any:
    try:
        import tifffile
    except ImportError as error:
        raise BadInputError("tifffile is not installed; wanted: pip install '.[export]'") from error
    return tifffile


def is_export(path: Path) -> bool:
    """Whether a TIFF file is an earlier export of this program."""
    with _tifffile().TiffFile(path) as tiff:
        return MARK in tiff.pages[0].description


def _levels(plane: tuple[int, ...]) -> int:
    """How often the longer side of a plane can be halved."""
    levels = 0
    while max(plane) >> (levels + 1) >= _LEAST_SIDE:
        levels += 1
    return levels


def _planes(image: Exported, level: int) -> Iterator[NDArray[Any]]:
    shrink = local_least_trusted if image.is_label else local_mean
    for block in image.blocks():
        planes = block
        for _ in range(level):
            planes = shrink(planes, (1, 2, 2))
        yield from map(np.ascontiguousarray, planes)


def _metadata(image: Exported) -> dict[str, Any]:
    found: dict[str, Any] = {"axes": "ZYX", "Name": image.name, "Description": _description(image)}
    places: dict[str, Any] = {}
    for axis, size, origin in zip("ZYX", image.voxel_size_um, image.origin_um, strict=True):
        found |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
        steps = np.arange(image.shape[0]) * (size if axis == "Z" else 0.0)
        places[f"Position{axis}"] = [float(v) for v in origin + steps]
        places[f"Position{axis}Unit"] = ["µm"] * image.shape[0]
    return found | {"Plane": places}


def _description(image: Exported) -> str:
    if image.orientation is None:
        return f"{MARK}; anatomical orientation not stated"
    sides = ", ".join(f"{axis} {from_to(side)}" for axis, side in zip("zyx", image.orientation, strict=True))
    return f"{MARK}; anatomical orientation {image.orientation}: {sides}"
