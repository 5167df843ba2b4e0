"""Slices placed by hand, stacked to disk and read back with all that viewers would see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from schemas.settings import StackSettings
from soct_core.affine import Affine2D
from soct_core.arrays import Sliceable
from soct_core.stacking.blending import VolumePlan, canvas_of
from soct_core.stacking.canvas import Canvas
from soct_core.stacking.inputs import Assembled
from soct_core.stacking.intensity import MatchedIntensity, match_intensity
from soct_core.stacking.parts import stack_volume
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.stacking.poses import PairVerdict, SolvedPose

VOXEL = (10.0, 4.0, 5.0)
"""Of all volumes here, (z, y, x) in µm."""
STILL = Affine2D.identity()


def measured(
    slice_id: int,
    volume: Sliceable,
    top: int,
    planes: int | None = None,
    pose: Affine2D = STILL,
    offset: tuple[int, int] = (0, 0),
) -> PlacedSlice:
    """A measured slice, trusted as deep as it was imaged unless said otherwise."""
    trusted = volume.shape[0] if planes is None else planes
    return PlacedSlice(slice_id, volume, "measured", top, trusted, pose, offset=offset)


def interpolated(
    slice_id: int,
    volume: Sliceable,
    top: int,
    pose: Affine2D = STILL,
    pose_below: Affine2D = STILL,
    alphas: NDArray[np.float64] | None = None,
) -> PlacedSlice:
    """An interpolated slice; its planes lead evenly from one pose to the other."""
    nz = volume.shape[0]
    shares = np.linspace(0, 1, nz) if alphas is None else alphas
    return PlacedSlice(slice_id, volume, "interpolated", top, nz, pose, pose_below, alphas=shares)


@dataclass(frozen=True)
class ImageLevel:
    """A resolution level as it lies on disk; scale and translation in µm, (z, y, x)."""

    data: NDArray[Any]
    scale: NDArray[np.float64]
    translation: NDArray[np.float64]


def levels_at(path: Path) -> list[ImageLevel]:
    """All levels of the first multiscale image of an NGFF 0.5 group."""
    group = zarr.open_group(path, mode="r")
    attributes: Any = group.attrs.asdict()
    levels = []
    for dataset in attributes["ome"]["multiscales"][0]["datasets"]:
        scale, translation = dataset["coordinateTransformations"]
        array = group[dataset["path"]]
        assert isinstance(array, zarr.Array)
        place = np.array(scale["scale"]), np.array(translation["translation"])
        levels.append(ImageLevel(np.asarray(array[...]), *place))
    return levels


@dataclass(frozen=True)
class StackedVolume:
    """What came out of a stack."""

    canvas: Canvas
    factors: dict[int, float]
    levels: list[ImageLevel]
    label_levels: list[ImageLevel]

    @property
    def values(self) -> NDArray[Any]:
        """Level 0."""
        return self.levels[0].data

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Provenance at level 0."""
        return self.label_levels[0].data


def plan_of(slices: Sequence[PlacedSlice], depth: int, **more: Any) -> VolumePlan:
    """The plan of a volume, on the smallest canvas unless another is given."""
    return VolumePlan(slices, depth, VOXEL, more.pop("canvas", None) or canvas_of(slices), **more)


def stacked(folder: Path, slices: Sequence[PlacedSlice], depth: int, **settings: Any) -> StackedVolume:
    """Stack slices under a folder and read everything back; no ramps unless asked for."""
    chosen = StackSettings.model_validate({"blend_depth_um": 0.0} | settings)
    path = folder / "3d_volume.ome.zarr"
    canvas = canvas_of(slices)
    factors = matched(slices, canvas).factors if chosen.match_intensity else {}
    stack_volume(plan_of(slices, depth, canvas=canvas, factors=factors), chosen, path)
    return StackedVolume(canvas, dict(factors), levels_at(path), levels_at(path / "labels" / "provenance"))


def matched(slices: Sequence[PlacedSlice], canvas: Canvas, slot_planes: float = 10.0) -> MatchedIntensity:
    """Factors of slices of which every pair is trusted."""
    ids = [placed.slice_id for placed in slices if placed.state == "measured"]
    poses = {i: SolvedPose(STILL, "pairwise", 1.0) for i in ids}
    verdicts = {pair: PairVerdict(1.0, 0.0, True) for pair in pairwise(ids)}
    return match_intensity(Assembled(tuple(slices), poses, verdicts, 0, {}), canvas, VOXEL, slot_planes)
