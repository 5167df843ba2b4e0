"""z match: which plane of the upper slice the chosen plane of the lower one continues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schemas.pairwise import ZSource
from schemas.settings import PairwiseSettings
from soct_core.affine import Affine2D
from soct_core.arrays import Sliceable
from soct_core.planes.warp import coverage, warp
from soct_core.registration.fixed_pattern import without_frame
from soct_core.registration.likeness import central_ncc
from soct_core.registration.reduced_reading import read_plane
from soct_core.registration.working_plane import RegistrationPlane


@dataclass(frozen=True)
class ZSearch:
    """The planes to compare, before any of them is read; indices in planes."""

    moving_z: int
    expected: float
    """Where the moving plane should lie in fixed; may be deeper than fixed was imaged."""
    candidates: range
    source: ZSource

    @property
    def start(self) -> int:
        """The candidate nearest to the expected plane."""
        return min(self.candidates, key=lambda z: abs(z - self.expected))


def z_search(
    fixed_nz: int, moving_nz: int, offset: float, voxel_z_um: float, settings: PairwiseSettings
) -> ZSearch:
    """Plan the match; `offset` is the depth of moving's top below fixed's top, in planes.

    The moving plane is the one at `moving_z_um`, rounded down. Where fixed is not imaged as
    deep as that plane should lie, its deepest plane is the only candidate (`nominal`).
    """
    moving_z = min(int(settings.moving_z_um / voxel_z_um + 1e-9), moving_nz - 1)
    expected = offset + moving_z
    deepest = fixed_nz - 1
    if round(expected) > deepest:
        return ZSearch(moving_z, expected, range(deepest, deepest + 1), "nominal")
    reach = round(settings.search_range_um / voxel_z_um)
    first, last = max(0, round(expected) - reach), min(deepest, round(expected) + reach)
    return ZSearch(moving_z, expected, range(first, last + 1), "matched")


ZCurve = tuple[tuple[int, float], ...]
"""Candidates, and the NCC of each with the moving plane."""


def best_z(search: ZSearch, curve: ZCurve) -> tuple[int, float]:
    """The candidate most like the moving plane, and their NCC; ties go to the expected plane."""
    return max(curve, key=lambda point: (point[1], -abs(point[0] - search.expected), point[0]))


def z_curve(fixed: Sliceable, search: ZSearch, moving: RegistrationPlane, motion: Affine2D) -> ZCurve:
    """NCC of every candidate with the moving plane, once moved, over the central half.

    `motion` is on the working grid.
    """
    shape = moving.shape
    curve: list[tuple[int, float]] = []
    moved: np.ndarray | None = None
    for z in search.candidates:
        plane = read_plane(fixed, z, moving.factor, moving.aspect)
        seen = without_frame(plane, moving)
        if moved is None or plane.shape != shape or seen.moving is not moving:
            shape = plane.shape
            moved, inside = warp(seen.moving.coarse, motion, shape), coverage(moving.shape, motion, shape)
        curve.append((z, central_ncc(seen.fixed, moved, seen.moving, motion, inside)))
    return tuple(curve)
