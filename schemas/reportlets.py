"""Reportlets: the small pictures and curves that a stage leaves beside its outputs for the report.

One JSON file each, pictures included: published in one step, sealed by one fingerprint.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.contract import Contract

Base64 = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]+={0,2}$")]
Polygon = tuple[tuple[float, float], ...]
"""Corners (x, y) in pixels of the picture."""


class Picture(Contract):
    """A grey picture as WebP; rows are y (or depth), columns x."""

    webp: Base64
    width: Annotated[int, Field(ge=1, le=4096)]
    height: Annotated[int, Field(ge=1, le=4096)]


class PairReportlet(Contract):
    """What was compared when a pair was registered; all pictures on one grid."""

    fixed: Picture
    moving: Picture
    """The moving plane, as imaged."""
    registered: Picture | None = None
    """The moving plane, moved onto fixed."""
    outline: tuple[Polygon, ...] = ()
    """Tissue of the fixed plane."""
    z_curve: tuple[tuple[int, float], ...] = ()
    """Planes of fixed that were tried, and the NCC of each with the moving plane."""


class SliceReportlet(Contract):
    """Planes of a slice that were looked at when it was assessed, from the top."""

    planes: tuple[tuple[int, Picture], ...]
    """Index and picture of each."""


class GapReportlet(Contract):
    """A single gap: its two sides, what was put between them, and what was registered."""

    before: Picture
    after: Picture
    interpolated: Picture | None = None
    """Middle plane; absent on a hard skip."""
    uncertainty: Picture | None = None
    """Half widths of the 90 % interval of the middle plane, from black, 0, to white: as wide as the
    planes are from black to white."""
    fixed: Picture | None = None
    """Slab of the slice after, as registered (square root of the intensities)."""
    moving: Picture | None = None
    """Slab of the slice before, as imaged."""
    registered: Picture | None = None
    """Slab of the slice before, moved onto fixed."""
    outline: tuple[Polygon, ...] = ()
    """Tissue of fixed."""


class PlaneProfile(Contract):
    """One plane of the volume at the level that was looked at."""

    depth_um: float
    """Depth of the plane's centre below the top of the first slice."""
    tissue_mean: float | None = None
    """Mean intensity of tissue; absent where there is none."""
    tissue_fraction: float = 0.0


class StackReportlet(Contract):
    """The volume, cut across the cutting planes."""

    shape: tuple[int, int, int]
    voxel_size_um: tuple[float, float, float]
    xz: Picture
    yz: Picture
    xz_y_um: float
    """Where the xz reslice lies along y, from the first row of the volume."""
    yz_x_um: float
    depth_um: float
    """Height of both reslices."""
    has_blend: bool = False
    """Whether two slices cross over anywhere."""
    profile: tuple[PlaneProfile, ...] = ()
