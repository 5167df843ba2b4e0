"""What is handed to each task that applies the poses of a run to other slices, and what it hands on."""

from __future__ import annotations

from pathlib import Path

from schemas.contract import Contract
from schemas.diagnostics import Matrix2x2
from schemas.handoffs import InterpolationJob, SlicesToStack, StackOutcome
from schemas.settings import Method
from schemas.slice_id import SliceId

Xy = tuple[float, float]


class KnownMotion(Contract):
    """The affine of a gap, as its diagnostics hold it."""

    matrix: Matrix2x2
    translation: Xy
    center: Xy


class KnownDisplacement(Contract):
    """What a run added to the affine of a gap: found again in the slices that the run was made of."""

    gap: InterpolationJob
    """The gap as the run filled it; its output is not written."""
    motion: KnownMotion
    """In pixels of those slices."""
    share: float
    """This and the next: what the run measured of it, and what must be measured again."""
    rms_px: float
    ratio: Xy
    """Pixels of the other slices in one of the run, (x, y)."""
    rest: Xy
    """Where pixel (0, 0) of the other slices lies half-way through the gap, in their pixels."""


class ApplyGapJob(InterpolationJob):
    """Fill a gap as it was filled in the run, by the motion that was found there and the run's settings."""

    method: Method
    motion: KnownMotion
    """In pixels of these slices; the identity for a baseline."""
    displacement: KnownDisplacement | None = None
    """None where the run added none, or where its slices are gone."""


class ApplyGapOutcome(Contract):
    """A gap that was filled."""

    slice_id: SliceId
    volume: Path
    written: tuple[Path, ...] = ()
    seconds: float = 0.0


class ApplyStackJob(SlicesToStack):
    """Stack other slices in the poses of a run."""

    run: Path
    """Output of the run whose poses count."""
    rests: dict[SliceId, Xy]
    """What is left of the place of each slice beside its window, in pixels."""


class ApplyResult(Contract):
    """What a finished application of poses returns."""

    output: Path
    run: Path
    slices: tuple[SliceId, ...]
    interpolated: tuple[SliceId, ...]
    stack: StackOutcome
    warnings: tuple[str, ...] = ()
