"""The look of the volume: reslices across the cutting planes, and the intensity of every plane.

Taken from the finest pyramid level that is small enough to be read quickly, in blocks of planes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from schemas.reportlets import PlaneProfile, StackReportlet
from soct_core.arrays import Mask, Zyx
from soct_core.planes.tissue import otsu_threshold
from soct_core.reportlets.pictures import grey_window, picture
from soct_core.volume.provenance import BLEND, GAP, LABEL_NAME

MOST_VOXELS = 16_000_000
"""Largest level that is read for the pictures. Chosen for speed."""
RESLICE_PX = 900
"""Longer side of a reslice. Chosen by eye."""
RESLICE_BYTES = 120_000
"""Largest picture of a reslice. Chosen by eye."""
_BLOCK = 8
"""Planes that are read at once: as deep as the chunks that this program writes."""
_LOOKED_AT = 9
"""Planes of the coarsest level from which the threshold of tissue is taken. Chosen by hand."""


@dataclass(frozen=True, eq=False)
class PyramidLevel:
    """A level of the volume and of its provenance, (z, y, x)."""

    values: zarr.Array[Any]
    labels: zarr.Array[Any]
    scale_um: Zyx

    @property
    def shape(self) -> tuple[int, int, int]:
        z, y, x = self.values.shape
        return z, y, x

    def blocks(self) -> Iterator[tuple[int, NDArray[Any], NDArray[np.uint8]]]:
        """First plane, values and labels of a few planes at a time."""
        for z in range(0, self.shape[0], _BLOCK):
            yield (
                z,
                np.asarray(self.values[z : z + _BLOCK]),
                np.asarray(self.labels[z : z + _BLOCK], dtype=np.uint8),
            )


def stack_reportlet(volume: Path) -> StackReportlet:
    """Reslices through the middle of the tissue, and the mean over tissue of every plane."""
    levels = _levels(volume)
    base, coarsest = levels[0], levels[-1]
    level = next((each for each in levels if np.prod(each.shape) <= MOST_VOXELS), coarsest)
    threshold, (y_share, x_share) = _tissue(coarsest)
    y, x = int(y_share * level.shape[1]), int(x_share * level.shape[2])
    rows, columns, profile = [], [], []
    has_blend = False
    for first, values, labels in level.blocks():
        rows.append(values[:, y])
        columns.append(values[:, :, x])
        has_blend = has_blend or bool((labels == BLEND).any())
        profile += [_profile(level, first + i, values[i], labels[i], threshold) for i in range(len(values))]
    xz, yz = np.concatenate(rows), np.concatenate(columns)
    window = grey_window(xz[xz > 0], yz[yz > 0])
    return StackReportlet(
        shape=base.shape,
        voxel_size_um=base.scale_um,
        xz=picture(xz, window, side_px=RESLICE_PX, max_bytes=RESLICE_BYTES),
        yz=picture(yz, window, side_px=RESLICE_PX, max_bytes=RESLICE_BYTES),
        xz_y_um=round((y + 0.5) * level.scale_um[1], 1),
        yz_x_um=round((x + 0.5) * level.scale_um[2], 1),
        depth_um=base.shape[0] * base.scale_um[0],
        has_blend=has_blend,
        profile=tuple(profile),
    )


def _profile(
    level: PyramidLevel, z: int, values: NDArray[Any], labels: NDArray[np.uint8], threshold: float
) -> PlaneProfile:
    tissue = _is_tissue(values, labels, threshold)
    return PlaneProfile(
        depth_um=round((z + 0.5) * level.scale_um[0], 3),
        tissue_mean=round(float(values[tissue].mean(dtype=np.float64)), 4) if tissue.any() else None,
        tissue_fraction=round(float(tissue.mean()), 4),
    )


def _is_tissue(values: NDArray[Any], labels: NDArray[np.uint8], threshold: float) -> Mask:
    finite = np.nan_to_num(np.asarray(values, dtype=np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    return np.asarray((labels != GAP) & (finite > threshold))


def _tissue(level: PyramidLevel) -> tuple[float, tuple[float, float]]:
    """Intensity above which there is tissue, and the middle of it as shares of (y, x)."""
    depth = level.shape[0]
    chosen = sorted({int((i + 0.5) * depth / _LOOKED_AT) for i in range(_LOOKED_AT)})
    planes = np.stack([np.nan_to_num(np.asarray(level.values[z], dtype=np.float64)) for z in chosen])
    seen = np.stack([np.asarray(level.labels[z]) != GAP for z in chosen])
    if not seen.any():
        return 0.0, (0.5, 0.5)
    threshold = otsu_threshold(np.sqrt(np.maximum(planes[seen], 0.0))) ** 2
    y, x = np.nonzero((planes > threshold).sum(axis=0))
    if y.size == 0:
        return threshold, (0.5, 0.5)
    return threshold, (
        (float(y.mean()) + 0.5) / level.shape[1],
        (float(x.mean()) + 0.5) / level.shape[2],
    )


def _levels(volume: Path) -> list[PyramidLevel]:
    group = zarr.open_group(volume, mode="r", use_consolidated=False)
    attributes: Any = group.attrs.asdict()
    datasets = attributes.get("ome", attributes)["multiscales"][0]["datasets"]
    found = []
    for dataset in datasets:
        values, labels = group[dataset["path"]], group[f"labels/{LABEL_NAME}/{dataset['path']}"]
        if not (isinstance(values, zarr.Array) and isinstance(labels, zarr.Array)):
            raise TypeError(f"{volume}: level {dataset['path']} is no array")
        z, y, x = dataset["coordinateTransformations"][0]["scale"]
        found.append(PyramidLevel(values, labels, (z, y, x)))
    return found
