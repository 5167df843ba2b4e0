"""OME-Zarr images, streamed plane by plane or in blocks, with their pyramid; published only when whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from schemas.stack_plan import Block, LevelGrid
from soct_core.arrays import Zyx
from soct_core.errors import OutputError
from soct_core.storage.atomic import published
from soct_core.volume.block_levels import LevelArrays, write_block, write_rest
from soct_core.volume.downsampling import AreaMean, Downsampler, Halving
from soct_core.volume.level_arrays import ImageFacts, create_level, multiscale_attributes
from soct_core.volume.level_grids import unlabelled_grid
from soct_core.volume.pyramid import Shape, halvings, shrunk
from soct_core.volume.written_metadata import NgffVersion, versioned

CHUNK: Shape = (8, 512, 512)
"""Measured on 252 MB of float32, with lz4: 0.44 s of CPU to write, 0.05 to read the last 8 planes, 0.27 to
read all. Planes written one by one into chunks this deep cost ten times as much: hence the buffer."""


@dataclass(frozen=True)
class ImageSpec:
    """What an image will be, known before its first plane."""

    shape: Shape
    dtype: np.dtype[Any]
    voxel_size_um: Zyx
    origin_um: Zyx = (0.0, 0.0, 0.0)
    """Centre of voxel (0, 0, 0)."""
    version: NgffVersion = "0.5"
    pyramid_um: tuple[float, ...] | None = None
    """Voxel sizes of the coarser levels; by default halved down to about 100 pixels."""
    orientation: str | None = None
    """To which side of the animal z, y and x run."""
    made_as: str = ""
    """What the image is, for who would replace it; kept in the metadata, under `soct`."""


class Level:
    """One resolution level that collects planes to whole chunks and feeds coarser levels."""

    def __init__(self, array: zarr.Array[Any], coarser: Sequence[tuple[Downsampler, Level]]) -> None:
        self._array = array
        self._coarser = coarser
        # Even, so that pairs of planes are never torn apart between two blocks.
        depth = min(CHUNK[0], array.shape[0] + array.shape[0] % 2)
        self._buffer = np.empty((depth, *array.shape[1:]), dtype=array.dtype)
        self._written = self._held = 0

    def append(self, planes: NDArray[Any]) -> None:
        """Take planes, (k, y, x), in z order."""
        start = 0
        while start < len(planes):
            count = min(len(planes) - start, len(self._buffer) - self._held)
            self._buffer[self._held : self._held + count] = planes[start : start + count]
            self._held += count
            start += count
            if self._held == len(self._buffer):
                self._flush()

    def close(self) -> None:
        """Write what is held and close the coarser levels."""
        if self._held:
            self._flush()
        if self._written != self._array.shape[0]:
            raise OutputError(
                f"{self._array.path}: got {self._written} planes, wanted {self._array.shape[0]}"
            )
        for shrinker, level in self._coarser:
            level.append(shrinker.rest())
            level.close()

    def _flush(self) -> None:
        block = self._buffer[: self._held]
        if self._written + self._held > self._array.shape[0]:
            raise OutputError(f"{self._array.path}: got more planes than {self._array.shape[0]}")
        self._array[self._written : self._written + self._held] = block
        self._written += self._held
        self._held = 0
        for shrinker, level in self._coarser:
            level.append(shrinker.push(block))


class ImageStream:
    """A multiscale image that is written once, plane by plane."""

    def __init__(self, group: zarr.Group, spec: ImageSpec, name: str, *, label: bool = False) -> None:
        self._group, self._spec, self._name, self._label = group, spec, name, label
        self._factors: list[Zyx] = [(1.0, 1.0, 1.0)]
        self._base = self._halved(label) if spec.pyramid_um is None else self._sized(spec.pyramid_um, label)

    def append(self, planes: NDArray[Any]) -> None:
        """Take planes, (k, y, x) or (y, x), in z order and in the image's dtype."""
        block = planes[None] if planes.ndim == 2 else planes
        if block.shape[1:] != self._spec.shape[1:]:
            raise OutputError(f"{self._name}: planes of {block.shape[1:]}, wanted {self._spec.shape[1:]}")
        self._base.append(block)

    def close(self) -> None:
        """Write the rest, and the metadata that makes the arrays an image last of all."""
        self._base.close()
        _describe(self._group, self._spec, self._name, self._factors, label=self._label)

    def _halved(self, label: bool) -> Level:
        """Each level from the one before it."""
        steps = tuple(halvings(self._spec.shape))
        shapes = [self._spec.shape]
        for step in steps:
            shapes.append(shrunk(shapes[-1], step))
            z, y, x = (a * b for a, b in zip(self._factors[-1], step, strict=True))
            self._factors.append((z, y, x))
        level = self._level(len(steps), shapes[-1], ())
        for index in reversed(range(len(steps))):
            finer = (Halving(steps[index], label), level)
            level = self._level(index, shapes[index], (finer,))
        return level

    def _sized(self, sizes_um: Sequence[float], label: bool) -> Level:
        """Each level from the base: their factors need not divide each other."""
        spec, coarser = self._spec, []
        for size in sorted(sizes_um):
            shrinker = AreaMean(spec.shape, spec.voxel_size_um, size, spec.dtype, label)
            if shrinker.factors in self._factors:
                continue
            self._factors.append(shrinker.factors)
            coarser.append((shrinker, self._level(len(self._factors) - 1, shrinker.out_shape, ())))
        return self._level(0, spec.shape, coarser)

    def _level(self, index: int, shape: Shape, coarser: Sequence[tuple[Downsampler, Level]]) -> Level:
        return Level(_create_array(self._group, str(index), shape, self._spec), coarser)


def write_in_blocks(final: Path, spec: ImageSpec, render: Callable[[Block], NDArray[Any]]) -> None:
    """Write an image to `final` box by box, with the files and levels of `image_writer`; no plane is held.

    Parameters
    ----------
    spec
        Levels are halved: `pyramid_um` is not looked at.
    render
        Voxels of a box of level 0, a chunk at most; boxes are the same however blocks are cut.

    Raises
    ------
    OutputError
        If the disk refuses.
    """
    grid = unlabelled_grid(spec.shape, CHUNK)
    factors: list[Zyx] = [(1.0, 1.0, 1.0)]
    for step in grid.steps:
        z, y, x = (a * b for a, b in zip(factors[-1], step, strict=True))
        factors.append((z, y, x))
    with published(final) as partial:
        group = _create_group(partial, spec.version)
        arrays = LevelArrays.create(group, grid, spec.dtype, spec.version)
        for block in grid.blocks():
            write_block(arrays, grid, block, lambda box: (render(box), None))
        write_rest(arrays, grid, 0, None)
        _describe(group, spec, final.name.removesuffix(".ome.zarr"), factors)


@contextmanager
def image_writer(
    final: Path, spec: ImageSpec, labels: Sequence[str] = ()
) -> Iterator[tuple[ImageStream, dict[str, ImageStream]]]:
    """Stream one image, and uint8 label images on the same grid, to `final`.

    Yields the image's stream and the streams of the labels by name. Nothing is visible at
    `final` before all planes of all of them are written, and nothing at all after an error.

    Raises
    ------
    OutputError
        If planes are missing at the end, or the disk refuses.
    """
    with published(final) as partial:
        group = _create_group(partial, spec.version)
        image = ImageStream(group, spec, final.name.removesuffix(".ome.zarr"))
        streams = {}
        if labels:
            folder = group.create_group("labels")
            label_spec = replace(spec, dtype=np.dtype(np.uint8))
            for name in labels:
                streams[name] = ImageStream(folder.create_group(name), label_spec, name, label=True)
        yield image, streams
        for stream in (image, *streams.values()):
            stream.close()
        if labels:
            folder.attrs.update(versioned(spec.version, {"labels": list(labels)}))


def _describe(
    group: zarr.Group, spec: ImageSpec, name: str, factors: Sequence[Zyx], *, label: bool = False
) -> None:
    """Write the metadata that makes the arrays of a group an image."""
    facts = ImageFacts(name, spec.voxel_size_um, spec.origin_um, spec.shape[0], spec.orientation)
    coarsest = group[str(len(factors) - 1)]
    assert isinstance(coarsest, zarr.Array)
    attributes = multiscale_attributes(facts, factors, spec.version, None if label else coarsest)
    if spec.made_as:
        attributes["soct"] = {"made_as": spec.made_as}
    group.attrs.update(attributes)


def image_made_as(path: Path) -> str:
    """What an image was made as by this program; empty where it does not say."""
    mark = zarr.open_group(path, mode="r", use_consolidated=False).attrs.get("soct")
    return str(mark.get("made_as", "")) if isinstance(mark, dict) else ""


def write_image(final: Path, data: NDArray[Any], voxel_size_um: Zyx, version: NgffVersion = "0.5") -> None:
    """Write an array in memory, (z, y, x), as an OME-Zarr image in µm."""
    spec = ImageSpec(_shape3(data), data.dtype, voxel_size_um, version=version)
    with image_writer(final, spec) as (image, _):
        image.append(data)


def _shape3(data: NDArray[Any]) -> Shape:
    z, y, x = data.shape
    return z, y, x


def _create_group(path: Path, version: NgffVersion) -> zarr.Group:
    return zarr.create_group(path, zarr_format=3 if version == "0.5" else 2)


def _create_array(group: zarr.Group, name: str, shape: Shape, spec: ImageSpec) -> zarr.Array[Any]:
    z, y, x = (min(c, n) for c, n in zip(CHUNK, shape, strict=True))
    return create_level(group, name, LevelGrid(shape=shape, chunks=(z, y, x)), spec.dtype, spec.version)
