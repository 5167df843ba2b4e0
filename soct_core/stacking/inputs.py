"""What a stack is made from, and where its slices went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas.common_space import Window
from soct_core.acquisition.slots import Slots
from soct_core.arrays import Sliceable, Zyx
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.stacking.poses import PairMotion, PairVerdict, SolvedPose
from soct_core.stacking.z_corrections import ZDrift


@dataclass(frozen=True)
class StackInput:
    """All that a stack is made from; volumes are lazy."""

    measured: Mapping[int, Sliceable]
    interpolated: Mapping[int, Sliceable]
    pairs: Sequence[PairMotion]
    z_drifts: Sequence[ZDrift]
    skip: frozenset[int]
    """Measured slices whose transforms must not steer."""
    slots: Slots
    voxel_size_um: Zyx
    reasons: Mapping[int, str]
    """What the audit trail says of a slice or gap, by id."""
    windows: Mapping[int, Window] = field(default_factory=dict)
    """Windows of measured slices onto the common canvas; empty when the slices are on it already."""
    half_widths: Mapping[int, Sliceable] = field(default_factory=dict)
    """Uncertainty of the interpolated slices, by id."""
    origin_um: Zyx = (0.0, 0.0, 0.0)
    """Where pixel (0, 0) of that canvas and the top of the first slice lie in the world."""


@dataclass(frozen=True)
class Assembled:
    """Where the slices went."""

    placed_slices: tuple[PlacedSlice, ...]
    poses: Mapping[int, SolvedPose]
    verdicts: Mapping[tuple[int, int], PairVerdict]
    depth: int
    corrections_um: Mapping[int, float]
    """Corrections of z as solved, by id; depth is counted from the corrected top of the first slice."""
    intensity_remarks: Mapping[int, str] = field(default_factory=dict)
    """What is to be said of the intensity of slices, by id."""
