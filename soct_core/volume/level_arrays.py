"""Arrays of a multiscale image on disk: one per level, with its chunks, shards and codec, and metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numcodecs
import numpy as np
import zarr
from zarr.codecs import BloscCodec

from schemas.stack_plan import LevelGrid
from soct_core.arrays import Zyx
from soct_core.volume.display import display_of
from soct_core.volume.pyramid import level_transform
from soct_core.volume.written_metadata import NgffVersion, image_attributes


def create_level(
    group: zarr.Group,
    name: str,
    grid: LevelGrid,
    dtype: np.dtype[Any],
    version: NgffVersion,
    fill: float = 0.0,
) -> zarr.Array[Any]:
    """Make the array of a level, filled with what stands for nothing; shards need version 0.5."""
    # Zeros are written too, so that a chunk that is not there can only be a damaged one.
    common: dict[str, Any] = {
        "shape": grid.shape,
        "chunks": grid.chunks,
        "dtype": dtype,
        "fill_value": dtype.type(fill),
        "config": {"write_empty_chunks": True},
    }
    if version == "0.5":
        return group.create_array(
            name,
            **common,
            shards=grid.shards,
            dimension_names=("z", "y", "x"),
            compressors=BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle"),
        )
    return group.create_array(
        name,
        **common,
        chunk_key_encoding={"name": "v2", "separator": "/"},
        compressors=numcodecs.Blosc(cname="lz4", clevel=5, shuffle=numcodecs.Blosc.BITSHUFFLE),
    )


@dataclass(frozen=True)
class ImageFacts:
    """What is to be said of an image."""

    name: str
    voxel_size_um: Zyx
    origin_um: Zyx
    """Centre of voxel (0, 0, 0) of level 0."""
    planes: int
    """Of level 0."""
    orientation: str | None = None


def multiscale_attributes(
    facts: ImageFacts, factors: Sequence[Zyx], version: NgffVersion, coarsest: zarr.Array[Any] | None
) -> dict[str, Any]:
    """Group attributes of an image whose levels are so many times coarser than level 0.

    `coarsest`, its last level, tells how it is to be shown; None for a label image.
    """
    scales = facts.voxel_size_um, facts.origin_um
    levels = [(str(index), *level_transform(*scales, total)) for index, total in enumerate(factors)]
    return image_attributes(
        version,
        facts.name,
        levels,
        orientation=facts.orientation,
        shown=None if coarsest is None else display_of(coarsest, facts.planes),
    )
