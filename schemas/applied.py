"""What is handed to each task that applies the poses of a run to other slices, and what it hands on."""

from __future__ import annotations

from pathlib import Path

from schemas.common_space import Window
from schemas.contract import Contract
from schemas.diagnostics import Matrix2x2
from schemas.handoffs import Job, StackOutcome, VoxelSize
from schemas.settings import InterpolationSettings, Method, NgffVersion
from schemas.slice_id import SliceId

Xy = tuple[float, float]


class ApplyGapJob(Job):
    """Fill a gap as it was filled in the run, by the motion that was found there."""

    slice_id: SliceId
    before: Path
    after: Path
    usable_before: int
    output_z: int
    output: Path
    voxel_size_um: VoxelSize | None = None
    window_before: Window | None = None
    window_after: Window | None = None
    origin_um: VoxelSize
    method: Method
    matrix: Matrix2x2
    """The motion of the run, in pixels of these slices; the identity for a baseline."""
    translation: Xy
    center: Xy
    settings: InterpolationSettings
    """Those of the run."""
    ngff_version: NgffVersion


class ApplyGapOutcome(Contract):
    """A gap that was filled."""

    slice_id: SliceId
    volume: Path
    written: tuple[Path, ...] = ()
    seconds: float = 0.0


class ApplyStackJob(Job):
    """Stack other slices in the poses of a run."""

    run: Path
    """Output of the run whose poses count."""
    measured: dict[SliceId, Path]
    interpolated: dict[SliceId, Path]
    output: Path
    voxel_size_um: VoxelSize | None = None
    windows: dict[SliceId, Window]
    rests: dict[SliceId, Xy]
    """What is left of the place of each slice beside its window, in pixels."""
    origin_um: VoxelSize


class ApplyResult(Contract):
    """What a finished application of poses returns."""

    output: Path
    run: Path
    slices: tuple[SliceId, ...]
    interpolated: tuple[SliceId, ...]
    stack: StackOutcome
    warnings: tuple[str, ...] = ()
