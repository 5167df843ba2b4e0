"""OME-Zarr images that other programs wrote: made by hand, never by our writer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

DATA = np.arange(4 * 5 * 6, dtype=np.uint16).reshape(4, 5, 6)
Transformation = dict[str, Any]


def scale(*values: Any) -> Transformation:
    """A scale, one number an axis."""
    return {"type": "scale", "scale": list(values)}


def translation(*values: float) -> Transformation:
    """A translation, one number an axis."""
    return {"type": "translation", "translation": list(values)}


def axis(name: str, unit: str | None = "micrometer") -> dict[str, str]:
    """An axis of a spatial, time or channel kind."""
    kind = {"t": "time", "c": "channel"}.get(name, "space")
    return {"name": name, "type": kind} | ({"unit": unit} if unit and kind == "space" else {})


def multiscale(
    axes: Sequence[dict[str, str]] = (axis("z"), axis("y"), axis("x")),
    transformations: Sequence[Transformation] = (scale(10, 2.5, 2.5),),
    path: str = "0",
    **more: Any,
) -> dict[str, Any]:
    """The metadata of an image of one level."""
    dataset = {"path": path, "coordinateTransformations": list(transformations)}
    return {"axes": list(axes), "datasets": [dataset], **more}


def attributes(version: str, image: dict[str, Any]) -> dict[str, Any]:
    """Group attributes as a version of the format wants them."""
    if version == "0.5":
        return {"ome": {"version": "0.5", "multiscales": [image]}}
    return {"multiscales": [{"version": "0.4", **image}]}


def made_by_hand(
    folder: Path,
    data: NDArray[Any] = DATA,
    image: dict[str, Any] | None = None,
    *,
    version: str = "0.4",
    path: str = "0",
    chunks: tuple[int, ...] | None = None,
) -> Path:
    """An OME-Zarr image on disk, by zarr alone."""
    store = folder / "slice_z07.ome.zarr"
    group = zarr.create_group(store, zarr_format=2 if version == "0.4" else 3, overwrite=True)
    array = group.create_array(path, shape=data.shape, dtype=data.dtype, chunks=chunks or data.shape)
    array[...] = data
    group.attrs.update(attributes(version, image or multiscale(path=path)))
    return store


def chunk_files(store: Path, path: str = "0") -> list[Path]:
    """Files of an array that are not metadata."""
    return [
        p
        for p in (store / path).rglob("*")
        if p.is_file() and p.name not in ("zarr.json", ".zarray", ".zattrs")
    ]
