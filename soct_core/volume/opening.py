"""OME-Zarr images opened: their group, their finest level, its axes and units; no voxel is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import zarr

from schemas.image_choice import ImageChoice
from soct_core.arrays import Zyx
from soct_core.errors import VolumeError, first_line, unreadable
from soct_core.volume.header_checks import check_group, check_level
from soct_core.volume.layouts import image_folder, refuse_no_directory
from soct_core.volume.metadata import read_image_metadata, refuse_other_order
from soct_core.volume.reading import Volume


def open_volume(
    path: str | Path,
    voxel_size_um: Zyx | None = None,
    choice: ImageChoice = ImageChoice(),  # noqa: B008
) -> Volume:
    """Open the finest level of an OME-Zarr image (NGFF 0.4 or 0.5) without reading its voxels.

    Parameters
    ----------
    path : str or Path
        The `.ome.zarr` directory.
    voxel_size_um : (float, float, float), optional
        Along (z, y, x), in µm; counts instead of what the file says.
    choice : ImageChoice, optional
        Which image and channel is read of a file that holds several.

    Returns
    -------
    Volume
        Axes (z, y, x), any real dtype; t and c are dropped; `.voxel_size_um` is (z, y, x) in µm.

    Raises
    ------
    VolumeError
        If there is no readable image, its axes, units, shape or dtype are not usable, or one of its chunks
        is a link to nothing.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from soct_core.volume import open_volume
    >>> from soct_core.volume.writing import write_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "slice_z00.ome.zarr")
    ...     write_image(path, np.zeros((2, 3, 4), np.float32), (10.0, 1.5, 1.5))
    ...     volume = open_volume(path)
    ...     coarser = open_volume(path, voxel_size_um=(10.0, 3.0, 3.0))
    >>> volume.shape, volume.dtype, volume.voxel_size_um, coarser.voxel_size_um
    ((2, 3, 4), dtype('float32'), (10.0, 1.5, 1.5), (10.0, 3.0, 3.0))
    """
    path = Path(path)
    refuse_no_directory(path)
    group, attributes, choice = _image_group(path, choice)
    metadata = read_image_metadata(attributes, str(path), voxel_size_um, choice)
    levels = [_level(group, name, path) for name in metadata.paths]
    array = max(levels, key=lambda level: level.size)
    refuse_other_order(metadata.axes, _dimension_names(array), str(path))
    lead = _lead_index(array.shape, metadata.axes, choice, path)
    volume = Volume(path, array, lead, metadata.voxel_size_um, metadata.translation_um, metadata.remarks)
    volume.check_links()
    return volume


def open_levels(path: Path) -> tuple[Volume, ...]:
    """All levels of an image as this program writes it, the finest first.

    Raises
    ------
    VolumeError
        If it cannot be opened, or is of another form.
    """
    finest = open_volume(path)
    group, attributes = _group(path, "")
    levels = []
    try:
        for dataset in attributes.get("ome", attributes)["multiscales"][0]["datasets"]:
            alone = {
                "axes": attributes.get("ome", attributes)["multiscales"][0]["axes"],
                "datasets": [dataset],
            }
            found = read_image_metadata({"multiscales": [alone]}, str(path))
            array = _level(group, found.paths[0], path)
            levels.append(Volume(path, array, (), found.voxel_size_um, found.translation_um))
    except KeyError as error:
        raise VolumeError(f"{path}: is no image that this program wrote") from error
    return (finest, *levels[1:])


def _image_group(path: Path, choice: ImageChoice) -> tuple[zarr.Group, dict[str, Any], ImageChoice]:
    """The group of the image, its attributes, and what is still to be chosen within."""
    group, attributes = _group(path, "")
    ome = attributes.get("ome", attributes)
    folder = image_folder(path, ome, choice) if isinstance(ome, dict) else ""
    if not folder:
        return group, attributes, choice
    return *_group(path, folder), choice.model_copy(update={"image": None})


def _group(path: Path, folder: str) -> tuple[zarr.Group, dict[str, Any]]:
    check_group(path / folder)
    try:
        # Consolidated metadata of an image that was extended later hides its arrays.
        group = zarr.open_group(path, path=folder, mode="r", use_consolidated=False)
        return group, group.attrs.asdict()
    except MemoryError:
        raise
    except Exception as error:  # zarr raises many kinds on damaged metadata
        if isinstance(error, OSError) and error.errno:
            raise unreadable(path, error, VolumeError) from error
        raise VolumeError(f"{path}: is not a readable zarr group: {first_line(error)}") from error


def _level(group: zarr.Group, name: str, path: Path) -> zarr.Array[Any]:
    check_level(path / group.path, name)
    try:
        level = group[name]
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            raise unreadable(path, error, VolumeError) from error
        raise VolumeError(f"{path}: level {name!r} cannot be opened: {first_line(error)}") from error
    if not isinstance(level, zarr.Array):
        raise VolumeError(f"{path}: level {name!r} is no array")
    return level


def _dimension_names(array: zarr.Array[Any]) -> Sequence[object] | None:
    """Names that the array itself gives its dimensions: of zarr v3, or as xarray leaves them in v2."""
    named = getattr(array.metadata, "dimension_names", None) or array.attrs.get("_ARRAY_DIMENSIONS")
    return named if isinstance(named, list | tuple) else None


def _lead_index(
    shape: tuple[int, ...], axes: Sequence[str], choice: ImageChoice, path: Path
) -> tuple[int, ...]:
    lead = dict(zip(axes[:-3], shape, strict=False))
    seen = f"{path}: shape {shape} with axes {','.join(axes)}"
    if len(shape) != len(axes) or lead.get("t", 1) != 1:
        raise VolumeError(f"{seen}, wanted z,y,x with t of 1")
    channels = lead.get("c", 1)
    if choice.channel is None and channels != 1:
        raise VolumeError(f"{seen}, wanted one channel; give --channel N to read one, 0 to {channels - 1}")
    if (choice.channel or 0) >= channels:
        last = channels - 1
        raise VolumeError(f"{seen}: its channels are 0 to {last}, but --channel says {choice.channel}")
    return tuple((choice.channel or 0) if axis == "c" else 0 for axis in lead)
