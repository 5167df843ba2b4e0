"""What is handed to each task and what it hands on: ids, paths, settings and figures, never arrays.

A job, the content of the files that it names, and the version of the algorithm determine the
outcome; that is what makes an outcome safe to reuse.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from schemas.common_space import Window
from schemas.contract import Contract
from schemas.diagnostics import FallbackReason
from schemas.image_choice import ImageChoice
from schemas.pairwise import OverallStatus, PairRole, PairSource
from schemas.published_stack import UnmatchedCut
from schemas.run_record import Doubt, GapRecord, RunRecord
from schemas.settings import (
    InterpolationSettings,
    NgffVersion,
    PairwiseSettings,
    StackRecipe,
)
from schemas.slice_id import SliceId

VoxelSize = tuple[float, float, float]
InterpolationResult = Literal["interpolated", "hard_skip", "already_covered"]


class Job(Contract):
    """The base of all jobs."""

    NOT_IN_KEY: ClassVar[dict[str, Any]] = {}
    """Fields that do not change the outcome, in the notation of pydantic's `exclude`."""

    choice: ImageChoice = ImageChoice()
    """Which image and channel is read of measured slices that hold several."""

    def key_fields(self) -> dict[str, Any]:
        """All of the job that the outcome depends on."""
        unsaid = {} if self.choice.is_made else {"choice": True}
        return self.model_dump(exclude=self.NOT_IN_KEY | unsaid)


class DetectGapsJob(Job):
    """Find out which slices are used, and what is missing between them."""

    acquisition: Path
    found: dict[SliceId, Path]
    config: Path | None
    allow_missing: bool = False


class InterpolationJob(Job):
    """Fill one single gap, by what its neighbours show or by a motion that is known."""

    NOT_IN_KEY: ClassVar[dict[str, Any]] = {"settings": {"enabled", "preview"}}

    slice_id: SliceId
    before: Path
    after: Path
    usable_before: int
    """Trusted planes of the slice before."""
    output_z: int
    """Planes truly missing; 0 or less where none is."""
    output: Path
    voxel_size_um: VoxelSize | None = None
    window_before: Window | None = None
    window_after: Window | None = None
    origin_um: VoxelSize = (0.0, 0.0, 0.0)
    """Where the first voxel of the result lies in the world of the inputs, (z, y, x)."""
    settings: InterpolationSettings
    ngff_version: NgffVersion


class PreviewJob(Job):
    """Draw one interpolation."""

    slice_id: SliceId
    before: Path
    after: Path
    made: Path | None
    """Path of the interpolated slice; None after a hard skip."""
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
    measures_fixed: bool = False
    """Whether the fixed slice is moving in no pair, so that its quality is measured here."""
    output: Path
    voxel_size_um: VoxelSize | None = None
    window_fixed: Window | None = None
    """Window of the fixed slice; None for an interpolated one, which lies on the canvas already."""
    window_moving: Window | None = None
    manual: Path | None = None
    """Transform set by hand, which counts instead of what registration finds."""
    settings: PairwiseSettings


class StackPart(Contract):
    """A part of the volume as it was written."""

    index: int
    folder: Path
    content: str
    """Fingerprint of the folder."""


class SlicesToStack(Job):
    """The slices that a volume is made of, and how they lie to each other."""

    measured: dict[SliceId, Path]
    interpolated: dict[SliceId, Path]
    output: Path
    voxel_size_um: VoxelSize | None = None
    windows: dict[SliceId, Window]
    """Windows of measured slices; empty when the slices are in common space already."""
    origin_um: VoxelSize = (0.0, 0.0, 0.0)
    """Where pixel (0, 0) of the canvas and the top of the first slice lie in the world, (z, y, x)."""


class StackJob(SlicesToStack):
    """Stack everything into one volume."""

    NOT_IN_KEY: ClassVar[dict[str, Any]] = {"fresh": True, "parts": True}

    trail: Path
    uncertainties: dict[SliceId, Path] = Field(default_factory=dict)
    """Half widths of the interpolated slices: of all of them or of none."""
    pairs: tuple[Path, ...]
    recipe: StackRecipe
    fresh: bool = False
    """Solve and write everything anew, whatever is published."""
    parts: tuple[StackPart, ...] = ()
    """Parts that are written already; the others are written on the way."""


class StackPartJob(Job):
    """Write one part of the volume. It depends on the plan and on the slices that it shows, by content."""

    NOT_IN_KEY: ClassVar[dict[str, Any]] = {
        "plan": True,
        "slices": True,
        "uncertainties": True,
        "output": True,
    }

    index: int
    plan: Path
    slices: dict[SliceId, Path]
    uncertainties: dict[SliceId, Path] = Field(default_factory=dict)
    """Half widths of the interpolated ones among them."""
    output: Path
    voxel_size_um: VoxelSize | None = None


class ReportJob(Job):
    """Render the report of a run from what it left on disk."""

    output: Path
    record: RunRecord = Field(exclude=True)
    """What `run.json` will hold. Not part of the job's JSON: when a run started and how long its
    tasks took must not cause another rendering."""


class DetectedGaps(Contract):
    """What `detect_gaps` found."""

    used: dict[SliceId, Path]
    """Measured slices that are used, by id."""
    excluded: tuple[SliceId, ...]
    gaps: GapRecord
    seconds: float = 0.0


class InterpolationOutcome(Contract):
    """What became of one single gap."""

    slice_id: SliceId
    result: InterpolationResult
    reason: FallbackReason | None = None
    detail: str = ""
    decided_by: tuple[str, ...] = ()
    """Settings of `interpolation` behind the gates that failed."""
    accepted_by_hand: bool = False
    """Gates failed, and a person accepted the gap all the same; `detail` says which."""
    brightness_step: float | None = None
    """As in the diagnostics."""
    volume: Path | None = None
    uncertainty: Path | None = None
    """Half widths of its voxels; None where none were written."""
    fragment: Path | None = None
    diagnostics: Path | None = None
    preview: Path | None = None
    """The preview, once `render_preview` has drawn one."""
    written: tuple[Path, ...] = ()
    seconds: float = 0.0


class PreviewOutcome(Contract):
    """The picture of an interpolation."""

    slice_id: SliceId
    preview: Path
    written: tuple[Path, ...] = ()
    seconds: float = 0.0


class FinalisedTrail(Contract):
    """The finished audit trail."""

    path: Path
    written: tuple[Path, ...] = ()
    seconds: float = 0.0


class PairOutcome(Contract):
    """What became of one pair."""

    fixed_id: SliceId
    moving_id: SliceId
    directory: Path
    confidence: float
    reliable: bool
    overall_status: OverallStatus
    source: PairSource = "registration"
    reasons: tuple[str, ...] = ()
    written: tuple[Path, ...] = ()
    seconds: float = 0.0


class PlannedStack(Contract):
    """The plan of a volume, and what each of its parts is made from."""

    plan: Path
    parts: tuple[StackPartJob, ...]
    written: tuple[Path, ...] = ()
    seconds: float = 0.0


class StackPartOutcome(Contract):
    """A part of the volume."""

    part: StackPart
    written: tuple[Path, ...] = ()
    seconds: float = 0.0


class StackOutcome(Contract):
    """The volume and where its slices went."""

    volume: Path
    uncertainty: Path | None = None
    """Half widths of its interpolated voxels; None where there are none."""
    decisions: Path
    shape: tuple[int, int, int]
    kept_planes: int = 0
    """Planes, from the top, that stayed as an earlier run had published them."""
    matched_cuts: int | None = None
    """Cuts across which intensity was matched; None where that was not asked for."""
    unmatched_cuts: tuple[UnmatchedCut, ...] = ()
    """Cuts across which it could not be."""
    written: tuple[Path, ...] = ()
    seconds: float = 0.0


class ReportOutcome(Contract):
    """The report."""

    path: Path
    written: tuple[Path, ...] = ()
    seconds: float = 0.0


class RunResult(Contract):
    """What a finished reconstruction returns."""

    output: Path
    slices: tuple[SliceId, ...]
    gaps: GapRecord
    interpolations: tuple[InterpolationOutcome, ...]
    pairs: tuple[PairOutcome, ...]
    stack: StackOutcome
    report: Path
    warnings: tuple[str, ...] = ()
    """A line each, those of `doubts` included."""
    doubts: tuple[Doubt, ...] = ()
