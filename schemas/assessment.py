"""What is handed to each task of an assessment and what it hands on: ids, paths, settings and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from schemas.common_space import Window
from schemas.contract import Contract
from schemas.handoffs import Job, VoxelSize
from schemas.quality import QualitySettings
from schemas.run_record import Fingerprint
from schemas.slice_id import SliceId

_OF_JUDGEMENT = {
    name
    for name in QualitySettings.model_fields
    if name.endswith("_tolerance") or name in ("exclude_below", "min_tissue_fraction")
}
"""Settings that change no figure."""


class MeasureJob(Job):
    """Measure one slice alone."""

    NOT_IN_KEY: ClassVar[dict[str, Any]] = {"settings": _OF_JUDGEMENT}

    slice_id: SliceId
    path: Path
    output: Path
    voxel_size_um: VoxelSize | None = None
    settings: QualitySettings


class CompareJob(Job):
    """Compare the lower face of one slice with the upper face of one below it."""

    NOT_IN_KEY: ClassVar[dict[str, Any]] = {"settings": _OF_JUDGEMENT}

    upper_id: SliceId
    lower_id: SliceId
    upper: Path
    lower: Path
    output: Path
    voxel_size_um: VoxelSize | None = None
    window_upper: Window | None = None
    window_lower: Window | None = None
    settings: QualitySettings


class AssessJob(Job):
    """Judge one slice by those around it, from figures alone."""

    slice_id: SliceId
    figures: tuple[Path, ...]
    """Figures of the slice, and of those around it."""
    pairs: tuple[Path, ...]
    """Figures of all pairs among them."""
    output: Path
    settings: QualitySettings


class QualityPageJob(Job):
    """Write the slice config with all scores, and the page that shows them."""

    acquisition: Path
    config: Path | None
    slices: tuple[SliceId, ...]
    """Slices that were assessed."""
    pairs: tuple[tuple[SliceId, SliceId], ...]
    """Pairs that were compared."""
    exclude: bool
    output: Path


class MeasureOutcome(Contract):
    """The figures of a slice."""

    slice_id: SliceId
    figures: Path
    written: tuple[Path, ...] = ()
    seconds: float = 0.0


class CompareOutcome(Contract):
    """The figures of a pair."""

    upper_id: SliceId
    lower_id: SliceId
    figures: Path
    written: tuple[Path, ...] = ()
    seconds: float = 0.0


class AssessOutcome(Contract):
    """What became of a slice."""

    slice_id: SliceId
    quality: Path
    quality_score: float | None
    below_limit: bool
    reasons: tuple[str, ...] = ()
    written: tuple[Path, ...] = ()
    seconds: float = 0.0

    @property
    def reason(self) -> str:
        """What lowered the score, for the record of the task run."""
        return "; ".join(self.reasons)


class QualityPageOutcome(Contract):
    """The slice config with all scores, and the page."""

    config: Path
    page: Path
    excluded: tuple[SliceId, ...] = ()
    """Slices that the config excludes now, by whichever stage."""
    written: tuple[Path, ...] = ()
    seconds: float = 0.0


class WrittenConfigs(Contract):
    """`.soct/written_configs.json`: slice configs that assessments have written, so that a later one may."""

    configs: tuple[Fingerprint, ...] = ()


class AssessResult(Contract):
    """What a finished assessment returns."""

    acquisition: Path
    slices: tuple[AssessOutcome, ...]
    config: Path
    """The slice config, where it was asked for."""
    page: Path
    excluded: tuple[SliceId, ...]
    limit: float
    """`exclude_below`."""
    warnings: tuple[str, ...] = ()
