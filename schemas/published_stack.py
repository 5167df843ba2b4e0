"""`published.json`: what a published volume was made of and how, so that it can be continued."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.common_space import Window
from schemas.contract import Contract
from schemas.diagnostics import Matrix2x2
from schemas.image_choice import ImageChoice
from schemas.settings import StackRecipe
from schemas.slice_id import SliceId

PoseSource = Literal[
    "pairwise", "bridge", "prior", "interpolated", "manual", "stage", "rotation", "translation"
]
"""Where the pose of a slice comes from."""


class StackContents(Contract):
    """All that the poses and voxels of a volume depend on."""

    version: str
    """Version of the algorithm."""
    recipe: StackRecipe
    voxel_size_um: tuple[float, float, float] | None
    measured: dict[SliceId, str]
    """Fingerprints by id."""
    interpolated: dict[SliceId, str]
    uncertainties: dict[SliceId, str] = Field(default_factory=dict)
    """Fingerprints of the half widths of interpolated slices, by id."""
    pairs: tuple[tuple[SliceId, SliceId, str], ...]
    """Fixed, moving, and a digest of what their registration says."""
    skip: tuple[SliceId, ...]
    """Measured slices whose transforms must not steer."""
    windows: dict[SliceId, Window]
    choice: ImageChoice = ImageChoice()
    """Which image and channel of the measured slices."""


class PublishedSlice(Contract):
    """Where a measured slice was put, and which pairs its pose comes from."""

    matrix: Matrix2x2
    translation: tuple[float, float]
    center: tuple[float, float]
    source: PoseSource
    confidence: float
    z_correction_um: float
    intensity_factor: float


class PublishedPair(Contract):
    """How well a pair agrees with the others, and the weight that it kept."""

    fixed_id: SliceId
    moving_id: SliceId
    weight: float
    disagreement_px: float
    agrees: bool


class UnmatchedCut(Contract):
    """A cut across which intensity could not be matched."""

    upper_id: SliceId
    lower_id: SliceId
    reason: str


class PublishedVolume(Contract):
    """A published volume; lengths in pixels, depths in planes."""

    contents: StackContents
    slices: dict[SliceId, PublishedSlice]
    pairs: tuple[PublishedPair, ...]
    canvas_shape: tuple[int, int]
    """(y, x)"""
    canvas_origin: tuple[int, int]
    """(x, y)"""
    depth: int
    intensity_step: float | None = None
    """Step of the logarithm of intensity that all cuts have in common; none where none was matched."""
    matched_cuts: int = 0
    """Cuts across which intensity was matched."""
    unmatched_cuts: tuple[UnmatchedCut, ...] = ()
    volume: str
    """Fingerprint of the volume."""
    uncertainty: str | None = None
    """Fingerprint of its uncertainty; none where there is none."""


class PublishedRecord(Contract):
    """The whole file, with a digest, so that no damaged number is taken for a pose."""

    stack: PublishedVolume
    digest: str
    """Digest of the stack's JSON."""
