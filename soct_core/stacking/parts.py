"""Parts of a volume: written anywhere and in any order, then joined to one image.

A part is a few blocks, a folder of its own, and whole when it is there. Joining gives its files their places
in the volume, by link, and makes the small levels above from those that the parts hold.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import zarr

from schemas.settings import NgffVersion, StackSettings
from schemas.stack_plan import Block
from soct_core.arrays import Zyx
from soct_core.progress import tell
from soct_core.stacking.blending import Blender, Span, VolumePlan, spans
from soct_core.storage.atomic import published
from soct_core.storage.file_tree import files_of
from soct_core.volume.block_levels import LevelArrays, known_planes, write_block, write_rest
from soct_core.volume.level_arrays import ImageFacts, multiscale_attributes
from soct_core.volume.level_grids import VolumeGrid, halved_grid, parts_of, sized_grid
from soct_core.volume.provenance import LABEL_NAME
from soct_core.volume.reused_chunks import take_rows
from soct_core.volume.sized_levels import SizedLevel, known_sized_planes, sized_levels, write_sized
from soct_core.volume.written_metadata import versioned

_LABELS = f"labels/{LABEL_NAME}"
UNCERTAINTY_FOLDER = "uncertainty"
"""In the folder of a part: what it shows of the uncertainty of the volume."""
_METADATA = ("zarr.json", ".zarray", ".zattrs", ".zgroup")


@dataclass(frozen=True)
class PartedVolume:
    """A volume to be written in parts."""

    plan: VolumePlan
    grid: VolumeGrid
    spans: Sequence[Span]
    """Who owns which planes."""
    pyramid_um: tuple[float, ...] | None = None
    """Voxel sizes of the levels; None: they are halved."""
    version: NgffVersion = "0.5"

    @classmethod
    def of(cls, plan: VolumePlan, settings: StackSettings, version: NgffVersion) -> PartedVolume:
        """The volume of a plan."""
        blend_planes = round(settings.blend_depth_um / plan.voxel_size_um[0])
        runs = spans(plan.placed_slices, plan.depth, blend_planes)
        shape, itemsize = (plan.depth, *plan.canvas.shape), plan.dtype.itemsize
        if settings.pyramid_um is None:
            grid = halved_grid(shape, itemsize, settings, version)
        else:
            levels = sized_levels(shape, plan.voxel_size_um, settings.pyramid_um)
            grid = sized_grid([shape, *(lvl.shape for lvl in levels)], itemsize, settings, version)
        return cls(plan, grid, runs, settings.pyramid_um, version)

    @cached_property
    def kept_planes(self) -> int:
        """Planes, from the top, whose blocks are those of the former volume."""
        return 0 if self.plan.former is None else self.grid.whole_rows(self.plan.former.planes)

    @cached_property
    def parts(self) -> tuple[tuple[Block, ...], ...]:
        """The blocks of each part; those that are kept are in none."""
        return parts_of(list(self.grid.blocks(self.kept_planes)), self.plan.dtype.itemsize)

    def write_part(
        self, blocks: Sequence[Block], folder: Path, beside: Callable[[Path], None] | None = None
    ) -> None:
        """Write some blocks to a folder, which is there when it is whole.

        Parameters
        ----------
        blocks
            Of level 0.
        folder
            Where they go.
        beside
            Writes what else belongs into the folder.

        Raises
        ------
        OutputError
            If the disk refuses.
        ReadError, VolumeError
            If a slice cannot be read.
        """
        with published(folder) as partial:
            self._write(self._arrays(partial), blocks)
            if beside is not None:
                beside(partial)

    def join(self, folders: Sequence[Path], missing: Sequence[Block], final: Path) -> None:
        """Publish the volume from folders of parts and from blocks that are in none of them.

        Raises
        ------
        OutputError
            If the disk refuses.
        """
        with published(final) as partial:
            arrays = self._arrays(partial)
            former = self._take_kept(partial)
            for folder in folders:
                take_files(folder, partial)
            self._write(arrays, missing)
            if self._is_sized:
                sizes = self.plan.voxel_size_um, [level.size_um for level in self.sized]
                write_sized(arrays, self.grid, sizes, self.known(self.kept_planes), former)
            else:
                write_rest(arrays, self.grid, self.kept_planes, former)
            self._describe(partial, final.name.removesuffix(".ome.zarr"))

    def _write(self, arrays: LevelArrays, blocks: Sequence[Block]) -> None:
        blender = Blender(self.plan, self.spans)
        for done, block in enumerate(blocks, start=1):
            write_block(arrays, self.grid, block, blender.voxels)
            tell(done, len(blocks))

    def _arrays(self, folder: Path) -> LevelArrays:
        group = zarr.create_group(folder, zarr_format=3 if self.version == "0.5" else 2)
        return LevelArrays.create(group, self.grid, self.plan.dtype, self.version, self.plan.fill)

    @property
    def _is_sized(self) -> bool:
        return self.pyramid_um is not None

    @cached_property
    def sized(self) -> list[SizedLevel]:
        """The levels above level 0 where `pyramid_um` names their voxel sizes."""
        shape = (self.plan.depth, *self.plan.canvas.shape)
        return sized_levels(shape, self.plan.voxel_size_um, self.pyramid_um or ())

    @property
    def _factors(self) -> list[Zyx]:
        """How many times coarser each level is than level 0."""
        factors: list[Zyx] = [(1.0, 1.0, 1.0)]
        if self._is_sized:
            return factors + [level.factors for level in self.sized]
        for step in self.grid.steps:
            z, y, x = (a * b for a, b in zip(factors[-1], step, strict=True))
            factors.append((z, y, x))
        return factors

    def known(self, kept_planes: int) -> list[int]:
        """Planes of each level that are known where so many of level 0 are kept."""
        if self._is_sized:
            return known_sized_planes(self._factors, kept_planes)
        return known_planes(self.grid, kept_planes)

    def _take_kept(self, partial: Path) -> LevelArrays | None:
        """Take over the files of the former volume that stay; gives its arrays."""
        if self.plan.former is None or not self.kept_planes:
            return None
        arrays = []
        for inside, grids in (("", self.grid.image), (_LABELS, self.grid.labels)):
            path = self.plan.former.path / inside
            for level, (planes, grid) in enumerate(zip(self.known(self.kept_planes), grids, strict=True)):
                rows = planes // grid.unit[0]
                take_rows(path / str(level), partial / inside / str(level), rows, self.version)
            arrays.append(tuple(zarr.open_array(path / str(level), mode="r") for level in range(len(grids))))
        return LevelArrays(*arrays)

    def _describe(self, partial: Path, name: str) -> None:
        """Write the metadata that makes the arrays an image."""
        self.describe(partial / _LABELS, LABEL_NAME, self.plan, label=True)
        self.describe(partial, name, self.plan)
        labels = zarr.open_group(partial / "labels", mode="r+", use_consolidated=False)
        labels.attrs.update(versioned(self.version, {"labels": [LABEL_NAME]}))

    def describe(self, folder: Path, name: str, plan: VolumePlan, *, label: bool = False) -> None:
        """Write the metadata that makes arrays on this grid, in a folder, an image."""
        facts = ImageFacts(name, plan.voxel_size_um, plan.corner_um, plan.depth, plan.orientation)
        coarsest = None if label else zarr.open_array(folder / str(len(self.grid.image) - 1), mode="r")
        place = zarr.open_group(folder, mode="r+", use_consolidated=False)
        place.attrs.update(multiscale_attributes(facts, self._factors, self.version, coarsest))


def stack_volume(
    plan: VolumePlan, settings: StackSettings, final: Path, version: NgffVersion = "0.5"
) -> None:
    """Write all slices to `final`, an OME-Zarr image with a pyramid and `labels/provenance`, in this process.

    Raises
    ------
    OutputError
        If the disk refuses.
    VolumeError
        If a slice cannot be read.
    """
    volume = PartedVolume.of(plan, settings, version)
    volume.join([], [block for part in volume.parts for block in part], final)


def take_files(folder: Path, partial: Path) -> None:
    """Give the files of a part their second names, in the volume; where that cannot be, new ones."""
    for name, file in files_of(folder).items() if folder.is_dir() else ():
        if name.rpartition("/")[2] in _METADATA or name.startswith(f"{UNCERTAINTY_FOLDER}/"):
            continue
        place = partial / name
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file, place)
        except OSError:
            # Without links; a part that is moved is made again if this run does not end.
            Path(file).replace(place)
