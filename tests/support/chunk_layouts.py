"""The same voxels in different chunks and shards; what is all fill value is left out, as zarr does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, BytesCodec, ShardingCodec

SIZE = (50.0, 25.0, 25.0)


@dataclass(frozen=True)
class Layout:
    """How an array is stored; None: the whole array is one chunk."""

    chunks: tuple[int, int, int] | None = None
    shards: tuple[int, int, int] | None = None
    keeps_empty: bool = False
    index_location: str = "end"
    fill: float = 0.0

    def __str__(self) -> str:
        kept = ", empty ones kept" if self.keeps_empty else ""
        return f"chunks {self.chunks}, shards {self.shards}{kept}"


LAYOUTS = (
    Layout(),
    Layout((4, 32, 32)),
    Layout((2, 32, 32), keeps_empty=True),
    Layout((1, 16, 48)),
    Layout((4, 32, 32), (4, 96, 96)),
    Layout((2, 16, 32), (8, 32, 64), index_location="start"),
)


def laid_out(path: Path, data: NDArray[Any], layout: Layout) -> Path:
    """Write an image of 50 by 25 by 25 µm voxels in a layout."""
    group = zarr.open_group(path, mode="w")
    more: dict[str, Any] = {"chunks": layout.chunks or data.shape}
    if layout.shards is not None:
        codec = ShardingCodec(
            chunk_shape=layout.chunks or data.shape,
            codecs=[BytesCodec(), BloscCodec()],
            index_location=layout.index_location,
        )
        more = {"chunks": layout.shards, "serializer": codec, "compressors": None}
    array = group.create_array(
        "0",
        shape=data.shape,
        dtype=data.dtype,
        fill_value=layout.fill,
        config={"write_empty_chunks": layout.keeps_empty},
        dimension_names=list("zyx"),
        **more,
    )
    array[...] = data
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    scale = [{"type": "scale", "scale": list(SIZE)}]
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    return path


def lose(path: Path, place: tuple[int, int, int]) -> Path:
    """Remove the file of a chunk, or of a shard."""
    file = path / "0" / "c" / Path(*map(str, place))
    file.unlink()
    return file


def lose_within_shard(
    path: Path, chunk: tuple[int, int, int], layout: Layout, shape: tuple[int, ...]
) -> None:
    """Take a chunk out of its shard, as a writer does that left it out."""
    assert layout.chunks is not None
    place = tuple(slice(i * step, (i + 1) * step) for i, step in zip(chunk, layout.chunks, strict=True))
    data = np.asarray(zarr.open_group(path, mode="r")["0"][...])
    data[place] = layout.fill
    laid_out(path, data.reshape(shape), layout)
