"""What a viewer is to show of a run: the volume, its provenance, and the slices beside it.

Nothing is read but metadata; the pyramid levels stay on disk.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zarr

from schemas.image_choice import ImageChoice
from schemas.run_record import RunRecord
from schemas.slice_id import format_slice_id
from soct_core.arrays import Zyx
from soct_core.errors import RecordError, VolumeError
from soct_core.file_names import (
    INTERPOLATIONS,
    RUN_RECORD_NAME,
    UNCERTAINTY_PATH,
    VOLUME_PATH,
    interpolated_name,
    named_slice_id,
)
from soct_core.report.run_data import RunData, read_run
from soct_core.storage.records import read_record
from soct_core.volume import open_volume
from soct_core.volume.provenance import LABEL_NAME

LayerKind = Literal["volume", "labels", "uncertainty", "slice"]
_AISLE = 0.05
"""Distance of the slices from the volume, as a share of the volume's width. Chosen by eye."""


@dataclass(frozen=True)
class ViewerLayer:
    """One layer; scale and translation in µm, (z, y, x)."""

    name: str
    kind: LayerKind
    levels: tuple[Any, ...]
    """Lazy arrays, the finest first."""
    scale_um: Zyx
    translation_um: Zyx
    path: Path
    """The image on disk."""


def layers_of(output: Path) -> tuple[ViewerLayer, ...]:
    """The layers of a run: left the volume under its provenance, right every slice as it was imaged.

    Slices stand at the depth of their slots, so that one slider moves through both.

    Raises
    ------
    RecordError
        If there is no run, or it wrote no volume.
    VolumeError
        If an image cannot be opened.
    """
    data = read_run(output, read_record(output / RUN_RECORD_NAME, RunRecord))
    volume = output / VOLUME_PATH
    if not data.has_volume:
        raise RecordError(f"{output}: the last run wrote no volume to look at")
    shown = _image("volume", "volume", volume)
    label = _image(LABEL_NAME, "labels", volume / "labels" / LABEL_NAME)
    width = shown.levels[0].shape[2] * shown.scale_um[2]
    z, _, x = shown.translation_um
    aside = z, x + width * (1 + _AISLE)
    return (shown, label, *_uncertainty(output, data), *_slices(output, data, shown.scale_um, aside))


def _uncertainty(output: Path, data: RunData) -> list[ViewerLayer]:
    """Of the interpolated voxels, where the run wrote it."""
    made = any(one.path == UNCERTAINTY_PATH for one in data.record.outputs)
    return [_image("uncertainty", "uncertainty", output / UNCERTAINTY_PATH)] if made else []


def _slices(output: Path, data: RunData, size_um: Zyx, aside_um: tuple[float, float]) -> list[ViewerLayer]:
    paths = {name: output / name for name in (each.path for each in data.record.inputs)}
    by_id = {i: p for p in paths.values() for i in data.used if named_slice_id(p) == i}
    made = {i: f"{INTERPOLATIONS}/{interpolated_name(i)}" for i in data.interpolated}
    tops = {row["slice_id"]: row["slot_top_um"] for row in data.decisions}
    found = []
    z, x = aside_um
    for slice_id, path in sorted((by_id | {i: output / name for i, name in made.items()}).items()):
        what = "slice" if slice_id in by_id else "interpolated"
        # Of the voxel size of the volume: slices need not say theirs.
        choice = data.record.settings.input if slice_id in by_id else ImageChoice()
        layer = _image(f"{what} {format_slice_id(slice_id)}", "slice", path, size_um, choice)
        # As high as its own metadata have it: what the volume moved can be seen beside it.
        height = layer.translation_um[1]
        found.append(replace(layer, translation_um=(z + tops.get(slice_id, 0.0), height, x)))
    return found


def _image(
    name: str,
    kind: LayerKind,
    path: Path,
    size_um: Zyx | None = None,
    choice: ImageChoice = ImageChoice(),  # noqa: B008
) -> ViewerLayer:
    base = open_volume(path, size_um, choice)
    group = zarr.open_group(path, mode="r", use_consolidated=False)
    attributes: Any = group.attrs.asdict()
    ome = attributes.get("ome", attributes)
    if choice.is_made or "multiscales" not in ome:
        return ViewerLayer(name, kind, (base,), base.voxel_size_um, base.origin_um, path)
    levels = []
    for dataset in ome["multiscales"][0]["datasets"]:
        level = group[dataset["path"]]
        if not isinstance(level, zarr.Array):
            raise VolumeError(f"{path}: level {dataset['path']!r} is no array")
        # Viewers want (z, y, x): t and c are singletons, or the image would not have opened.
        levels.append(_Spatial(level) if level.ndim > 3 else level)
    levels.sort(key=lambda level: -int(np.prod(level.shape)))
    return ViewerLayer(name, kind, tuple(levels), base.voxel_size_um, base.origin_um, path)


class _Spatial:
    """The last three axes of an array whose others are singletons."""

    def __init__(self, array: zarr.Array[Any]) -> None:
        self._array = array
        self._lead = (0,) * (array.ndim - 3)
        self.shape = array.shape[-3:]
        self.dtype = array.dtype
        self.chunks = array.chunks[-3:]
        self.ndim = 3

    def __getitem__(self, index: Any) -> Any:
        wanted = index if isinstance(index, tuple) else (index,)
        return self._array[(*self._lead, *wanted)]
