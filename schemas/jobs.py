"""What each task is asked to do: ids, paths and the settings it uses, and nothing else.

A job, the content of the files that it names, and the version of the algorithm determine the
outcome; that is what makes an outcome safe to reuse.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from schemas.common_space import Window
from schemas.contract import Contract
from schemas.pairwise import PairRole
from schemas.run_record import RunRecord
from schemas.settings import (
    InterpolationSettings,
    NgffVersion,
    PairwiseSettings,
    StackRecipe,
)
from schemas.slice_id import SliceId

VoxelSize = tuple[float, float, float]


class DetectGapsJob(Contract):
    """Find out which slices are used, and what is missing between them."""

    acquisition: Path
    found: dict[SliceId, Path]
    config: Path | None
    allow_missing: bool = False


class InterpolationJob(Contract):
    """Fill one single gap."""

    slice_id: SliceId
    before: Path
    after: Path
    usable_before: int
    """Trusted planes of the slice before."""
    output_z: int
    """Planes truly missing; 0 or less: nothing is."""
    top: int
    """Plane of the volume at which they begin."""
    output: Path
    voxel_size_um: VoxelSize | None = None
    window_before: Window | None = None
    window_after: Window | None = None
    settings: InterpolationSettings
    ngff_version: NgffVersion


class FinaliseJob(Contract):
    """Finish the audit trail."""

    acquisition: Path
    config: Path | None
    used: tuple[SliceId, ...]
    """Measured slices: an earlier outcome of theirs is void."""
    fragments: tuple[Path, ...]
    notes: dict[SliceId, str]
    output: Path


class PairJob(Contract):
    """Register two neighbouring slices."""

    fixed_id: SliceId
    moving_id: SliceId
    fixed: Path
    moving: Path
    offset: float
    """Depth of moving's top below fixed's top, in planes."""
    role: PairRole
    touches_interpolated: bool
    output: Path
    voxel_size_um: VoxelSize | None = None
    window_fixed: Window | None = None
    """None for an interpolated slice, which lies on the canvas already."""
    window_moving: Window | None = None
    settings: PairwiseSettings


class StackJob(Contract):
    """Stack everything into one volume."""

    trail: Path
    measured: dict[SliceId, Path]
    interpolated: dict[SliceId, Path]
    pairs: tuple[Path, ...]
    output: Path
    voxel_size_um: VoxelSize | None = None
    windows: dict[SliceId, Window]
    """Of measured slices; empty when they are in common space already."""
    recipe: StackRecipe


class ReportJob(Contract):
    """Render the report of a run from what it left on disk."""

    output: Path
    record: RunRecord = Field(exclude=True)
    """What `run.json` will hold. Not part of the job's JSON: when a run started and how long its
    tasks took must not make anyone render again."""
