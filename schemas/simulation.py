"""What a simulated acquisition was made of: its settings, and the truth."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.contract import Contract
from schemas.diagnostics import Matrix2x2
from schemas.settings import Fraction, Micrometres, NgffVersion
from schemas.slice_id import SliceId


class SimulationSettings(Contract):
    """How an acquisition is simulated; lengths in pixels of the reference."""

    slices: Annotated[int, Field(ge=2, le=10_000)] | None = None
    """Slices to cut, from the middle of the reference; by default as many as it holds."""
    missing: tuple[SliceId, ...] = ()
    """Slices that were lost: no file."""
    spoiled: tuple[SliceId, ...] = ()
    """Slices that were imaged but are useless, and say so in the slice config."""
    first_id: SliceId = 0
    slicing_interval_um: Micrometres = 200.0
    drift_deg: Annotated[float, Field(ge=0, le=45)] = 1.0
    """Largest rotation of the block at one cut."""
    drift_px: Annotated[float, Field(ge=0, le=1000)] = 3.0
    """Largest shift of the block at one cut."""
    drift_scale: Annotated[float, Field(ge=0, le=0.2)] = 0.0
    """Largest relative stretch at one cut, along x and y apart."""
    drift_shear: Annotated[float, Field(ge=0, le=0.2)] = 0.0
    """Largest shear at one cut."""
    speckle_looks: Annotated[float, Field(ge=0, le=1e4)] = 0.0
    """Looks of multiplicative speckle; 0 for none, 1 for fully developed."""
    speckle_px: Annotated[float, Field(ge=0, le=20)] = 0.7
    """Correlation length of the speckle (sigma)."""
    attenuation_um: Micrometres | None = None
    """Depth at which the signal falls to 1/e within a slice."""
    intensity_jitter: Fraction = 0.0
    """Largest relative change of brightness from slice to slice."""
    tile_px: Annotated[int, Field(ge=2, le=100_000)] | None = None
    """Side of the mosaic's tiles; by default the illumination is even."""
    tile_unevenness: Fraction = 0.1
    """Share of the signal lost in the corner of a tile, and largest difference in gain between tiles."""
    seed: Annotated[int, Field(ge=0)] = 0
    ngff_version: NgffVersion = "0.5"


class TruePose(Contract):
    """Where a slice was cut, and how the block lay then."""

    slice_id: SliceId
    first_plane: int
    """Index of its first plane in the reference."""
    planes: int
    matrix: Matrix2x2
    """Pose: maps pixels of the reference to pixels of the slice, x-y order."""
    translation: tuple[float, float]
    center: tuple[float, float]


class SimulationTruth(Contract):
    """`truth.json`."""

    reference: str
    voxel_size_um: tuple[float, float, float]
    settings: SimulationSettings
    slices: tuple[TruePose, ...]
