"""What each stage hands to the next: ids, paths and figures, never arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from schemas.contract import Contract
from schemas.diagnostics import FallbackReason
from schemas.pairwise import OverallStatus
from schemas.run_record import GapRecord
from schemas.slice_id import SliceId

InterpolationResult = Literal["interpolated", "hard_skip", "already_covered"]


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
    volume: Path | None = None
    fragment: Path | None = None
    diagnostics: Path | None = None
    preview: Path | None = None
    """Where one was drawn, by a stage of its own."""
    artefacts: tuple[Path, ...] = ()
    seconds: float = 0.0


class PreviewOutcome(Contract):
    """The picture of an interpolation."""

    slice_id: SliceId
    preview: Path
    artefacts: tuple[Path, ...] = ()
    seconds: float = 0.0


class FinalisedTrail(Contract):
    """The finished audit trail."""

    path: Path
    artefacts: tuple[Path, ...] = ()
    seconds: float = 0.0


class PairOutcome(Contract):
    """What became of one pair."""

    fixed_id: SliceId
    moving_id: SliceId
    directory: Path
    confidence: float
    reliable: bool
    overall_status: OverallStatus
    reasons: tuple[str, ...] = ()
    artefacts: tuple[Path, ...] = ()
    seconds: float = 0.0


class StackOutcome(Contract):
    """The volume and where its slices went."""

    volume: Path
    decisions: Path
    shape: tuple[int, int, int]
    kept_planes: int = 0
    """Planes, from the top, that stayed as an earlier run had published them."""
    artefacts: tuple[Path, ...] = ()
    seconds: float = 0.0


class ReportOutcome(Contract):
    """The report."""

    path: Path
    artefacts: tuple[Path, ...] = ()
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
