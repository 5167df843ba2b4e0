"""What each task is asked to do: ids, paths and the settings it uses, and nothing else.

A job, the content of the files that it names, and the version of the algorithm determine the
outcome; that is what makes an outcome safe to reuse.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

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


class Job(Contract):
    """The base of all jobs."""

    NOT_IN_KEY: ClassVar[dict[str, Any]] = {}
    """Fields that do not change the outcome, in the notation of pydantic's `exclude`."""

    def key_json(self) -> str:
        """All of the job that the outcome depends on."""
        return self.model_dump_json(exclude=self.NOT_IN_KEY)


class DetectGapsJob(Job):
    """Find out which slices are used, and what is missing between them."""

    acquisition: Path
    found: dict[SliceId, Path]
    config: Path | None
    allow_missing: bool = False


class InterpolationJob(Job):
    """Fill one single gap."""

    NOT_IN_KEY: ClassVar[dict[str, Any]] = {"settings": {"enabled", "preview"}}

    slice_id: SliceId
    before: Path
    after: Path
    usable_before: int
    """Trusted planes of the slice before."""
    output_z: int
    """Planes truly missing; 0 or less: nothing is."""
    output: Path
    voxel_size_um: VoxelSize | None = None
    window_before: Window | None = None
    window_after: Window | None = None
    settings: InterpolationSettings
    ngff_version: NgffVersion


class PreviewJob(Job):
    """Draw one interpolation."""

    slice_id: SliceId
    before: Path
    after: Path
    made: Path | None
    """None after a hard skip."""
    diagnostics: Path
    usable_before: int
    output: Path
    voxel_size_um: VoxelSize | None = None
    window_before: Window | None = None
    window_after: Window | None = None


class FinaliseJob(Job):
    """Finish the audit trail."""

    acquisition: Path
    config: Path | None
    fragments: tuple[Path, ...]
    notes: dict[SliceId, str]
    output: Path


class PairJob(Job):
    """Register two neighbouring slices."""

    NOT_IN_KEY: ClassVar[dict[str, Any]] = {"settings": {"check_pairs"}}

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


class StackJob(Job):
    """Stack everything into one volume."""

    NOT_IN_KEY: ClassVar[dict[str, Any]] = {"fresh": True}

    trail: Path
    measured: dict[SliceId, Path]
    interpolated: dict[SliceId, Path]
    pairs: tuple[Path, ...]
    output: Path
    voxel_size_um: VoxelSize | None = None
    windows: dict[SliceId, Window]
    """Of measured slices; empty when they are in common space already."""
    recipe: StackRecipe
    fresh: bool = False
    """Solve and write everything anew, whatever is published."""


class ReportJob(Job):
    """Render the report of a run from what it left on disk."""

    output: Path
    record: RunRecord = Field(exclude=True)
    """What `run.json` will hold. Not part of the job's JSON: when a run started and how long its
    tasks took must not make anyone render again."""
