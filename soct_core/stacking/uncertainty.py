"""Uncertainty of a volume: half widths of the interval of its interpolated voxels, placed as these are.

An image of its own beside the volume, on its grid, NaN where nothing was interpolated. Chunks of nothing else
are no files, so that it costs what the gaps cost. It is written with the parts of the volume.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import zarr

from schemas.stack_plan import Block
from soct_core.arrays import Sliceable
from soct_core.stacking.blending import Blender, Span, VolumePlan
from soct_core.stacking.parts import UNCERTAINTY_FOLDER, PartedVolume, take_files
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.storage.atomic import published
from soct_core.volume import Volume
from soct_core.volume.block_levels import (
    WINDOW,
    Array,
    LevelArrays,
    Shrinking,
    Slab,
    slices,
    windows,
    write_rest,
)
from soct_core.volume.level_arrays import create_level
from soct_core.volume.level_grids import VolumeGrid
from soct_core.volume.provenance import INTERPOLATED
from soct_core.volume.pyramid import local_mean, shrunk
from soct_core.volume.reused_chunks import take_known_rows
from soct_core.volume.sized_levels import write_sized
from soct_core.zmorph.uncertainty import rounded


@dataclass(frozen=True)
class PartedUncertainty:
    """The uncertainty of a volume that is written in parts."""

    volume: PartedVolume
    plan: VolumePlan
    """Of the half widths alone."""
    spans: Sequence[Span]
    former: Path | None = None
    """The one that lies beside the volume's former, of which as many planes stay."""

    @classmethod
    def of(
        cls, volume: PartedVolume, half_widths: Mapping[int, Sliceable], former: Path | None = None
    ) -> PartedUncertainty | None:
        """That of a volume; None where there are no half widths, by slice id, to be placed."""
        placed = {
            one.slice_id: _instead(one, half_widths[one.slice_id])
            for one in volume.plan.placed_slices
            if one.state == "interpolated" and one.slice_id in half_widths
        }
        if not placed:
            return None
        runs = [
            Span(run.first, run.last, None if run.owner is None else placed.get(run.owner.slice_id))
            for run in volume.spans
        ]
        kind = np.dtype(np.float32)
        plan = replace(volume.plan, placed_slices=tuple(placed.values()), former=None, kind=kind)
        kept = former if volume.kept_planes and former is not None and former.is_dir() else None
        return cls(volume, plan, runs, kept)

    def write(self, blocks: Sequence[Block], folder: Path) -> None:
        """Write what some blocks show of it to a folder of its own in `folder`; none where they show nothing.

        Raises
        ------
        OutputError
            If the disk refuses.
        ReadError, VolumeError
            If half widths cannot be read.
        """
        shown = [block for block in blocks if self._shows(block)]
        if shown:
            self._write(self._arrays(folder / UNCERTAINTY_FOLDER), shown)

    def join(self, folders: Sequence[Path], missing: Sequence[Block], final: Path) -> None:
        """Publish it from folders of parts of the volume, and from blocks that are in none of them."""
        grid = self._grid
        with published(final) as partial:
            arrays = self._arrays(partial)
            former, kept = self._take_kept(partial)
            for folder in folders:
                take_files(folder / UNCERTAINTY_FOLDER, partial)
            self._write(arrays, [block for block in missing if self._shows(block)])
            mine = LevelArrays(tuple(arrays), ())
            if self.volume.pyramid_um is None:
                write_rest(mine, grid, kept, former)
            else:
                sizes = self.plan.voxel_size_um, [level.size_um for level in self.volume.sized]
                write_sized(mine, grid, sizes, self.volume.known(kept), former)
            self.volume.describe(partial, final.name.removesuffix(".ome.zarr"), self.plan)

    @property
    def _grid(self) -> VolumeGrid:
        grid = self.volume.grid
        return VolumeGrid(grid.image, (), grid.within)

    def _shows(self, block: Block) -> bool:
        return any(
            run.owner is not None and run.first < block.end[0] and run.last >= block.first[0]
            for run in self.spans
        )

    def _arrays(self, folder: Path) -> list[Array]:
        version = self.volume.version
        group = zarr.create_group(folder, zarr_format=3 if version == "0.5" else 2)
        made = (
            create_level(group, str(level), grid, self.plan.dtype, version, float("nan"))
            for level, grid in enumerate(self._grid.image)
        )
        # A chunk that is not there says nothing: no less if it was lost.
        return [array.with_config({"write_empty_chunks": False}) for array in made]

    def _take_kept(self, partial: Path) -> tuple[LevelArrays | None, int]:
        """Take over the files of the former that stay; gives its arrays, and the planes that are known."""
        if self.former is None:
            return None, 0
        kept, grids = self.volume.kept_planes, self._grid.image
        for level, (planes, grid) in enumerate(zip(self.volume.known(kept), grids, strict=True)):
            rows = planes // grid.unit[0]
            take_known_rows(self.former / str(level), partial / str(level), rows, self.volume.version)
        arrays = [zarr.open_array(self.former / str(level), mode="r") for level in range(len(grids))]
        return LevelArrays(tuple(arrays), ()), kept

    def _write(self, arrays: Sequence[Array], blocks: Sequence[Block]) -> None:
        blender = Blender(self.plan, self.spans)
        for block in blocks:
            self._write_block(arrays, block, blender)

    def _write_block(self, arrays: Sequence[Array], block: Block, blender: Blender) -> None:
        """A block of level 0 and what lies above it."""
        grid, above = self._grid, self._above(arrays, block)
        for z in range(block.first[0], block.end[0], grid.image[0].unit[0]):
            end = min(z + grid.image[0].unit[0], block.end[0])
            for cell in _cells(block, (z, end), grid.image[0].unit[1:]):
                values = np.empty(cell.shape, dtype=self.plan.dtype)
                for window in windows(cell):
                    half, label = blender.voxels(window)
                    part = np.where(label == INTERPOLATED, rounded(half), np.float32(np.nan))
                    at = (slice(f - c, e - c) for f, e, c in _edges(window, cell))
                    values[tuple(at)] = part
                    if above is not None:
                        above.put(window.first, part)
                arrays[0][slices(cell)] = values
            if above is not None:
                above.reached(end)

    def _above(self, arrays: Sequence[Array], block: Block) -> Shrinking | None:
        """Where a block of level 0 goes on to."""
        grid, boxes = self._grid, [block]
        for step in grid.steps[: grid.within]:
            z, y, x = (first // n for first, n in zip(boxes[-1].first, step, strict=True))
            boxes.append(Block(first=(z, y, x), end=shrunk(boxes[-1].end, step)))
        above: Shrinking | None = None
        for level in range(len(boxes) - 1, 0, -1):
            slab = Slab(arrays[level], grid.image[level].unit[0], boxes[level], above)
            above = Shrinking(grid.steps[level - 1], local_mean, slab)
        return above


def _instead(placed: PlacedSlice, half_widths: Sliceable) -> PlacedSlice:
    """Half widths in the place of the slice that they speak of; not where that shows nothing."""
    if isinstance(half_widths, Volume) and isinstance(placed.volume, Volume):
        half_widths.know_imaged(placed.volume.find_imaged())
    return replace(placed, volume=half_widths)


def _cells(block: Block, planes: tuple[int, int], unit: Sequence[int]) -> Iterator[Block]:
    """A run of planes of a block in parts that end where files end."""
    z, end = planes
    height, width = (n * max(1, WINDOW // n) for n in unit)
    rows, columns = range(block.first[1], block.end[1], height), range(block.first[2], block.end[2], width)
    for y, x in product(rows, columns):
        far = min(y + height, block.end[1]), min(x + width, block.end[2])
        yield Block(first=(z, y, x), end=(end, *far))


def _edges(window: Block, cell: Block) -> Iterator[tuple[int, int, int]]:
    return zip(window.first, window.end, cell.first, strict=True)
