"""`plan.json`: a stack before any voxel of it is written, so that parts of it can be written anywhere."""

from __future__ import annotations

from schemas.contract import Contract
from schemas.diagnostics import Matrix2x2
from schemas.published_stack import StackContents, UnmatchedCut
from schemas.settings import NgffVersion
from schemas.slice_id import SliceId
from schemas.tables.stacking_decisions import SlotState

Shape = tuple[int, int, int]


class LevelGrid(Contract):
    """One resolution level, (z, y, x): its size, and how it lies in files."""

    shape: Shape
    chunks: Shape
    shards: Shape | None = None
    """Chunks that share a file; None: each has its own."""

    @property
    def unit(self) -> Shape:
        """What is one file, and so is written as one."""
        return self.shards or self.chunks


class Block(Contract):
    """A box of voxels of level 0, (z, y, x)."""

    first: Shape
    end: Shape
    """One past the last."""

    @property
    def shape(self) -> Shape:
        """Voxels along each axis."""
        z, y, x = (e - f for f, e in zip(self.first, self.end, strict=True))
        return z, y, x


class PlannedPose(Contract):
    """A motion in pixels, x-y order."""

    matrix: Matrix2x2
    translation: tuple[float, float]
    center: tuple[float, float]


class ImagedBounds(Contract):
    """The field of view of a slice: some rows and columns, and of these what lies within some lines."""

    rows: tuple[int, int]
    """The first, and the first that is left out."""
    columns: tuple[int, int]
    lines: tuple[tuple[float, float, float], ...] = ()
    """Normal (x, y) and how far along it from pixel (0, 0) each line lies."""


class ImagedPart(Contract):
    """What was imaged of a slice, found once for all parts."""

    inside: ImagedBounds | None = None
    """None: all but lost chunks."""
    lost: tuple[Shape, ...] = ()
    """Chunks that were lost, by their place in the grid of chunks."""


class PlannedSlice(Contract):
    """A slice and its place in the volume; depths in planes."""

    slice_id: SliceId
    content: str
    """Fingerprint of the slice."""
    state: SlotState
    top: int
    planes: int
    """Trusted planes, from the top."""
    pose: PlannedPose
    pose_below: PlannedPose | None = None
    """Where an interpolated slice leads."""
    offset: tuple[int, int] = (0, 0)
    alphas: tuple[float, ...] | None = None
    imaged: ImagedPart | None = None
    """None where it was not looked at, as no part needs it."""


class PlannedSpan(Contract):
    """A run of planes with one owner, and the slice above that fades out over them."""

    first: int
    last: int
    owner: SliceId | None
    upper: SliceId | None


class StackPlan(Contract):
    """All that a volume is made from and how, but for the voxels of its slices."""

    contents: StackContents
    dtype: str
    voxel_size_um: tuple[float, float, float]
    origin_um: tuple[float, float, float]
    """Where pixel (0, 0) of the slices and the top of the first one lie in the world."""
    ngff_version: NgffVersion
    canvas_shape: tuple[int, int]
    """(y, x)"""
    canvas_origin: tuple[int, int]
    """(x, y)"""
    depth: int
    fill: float = 0.0
    """What a voxel holds where no slice was measured."""
    slices: tuple[PlannedSlice, ...]
    spans: tuple[PlannedSpan, ...]
    factors: dict[SliceId, float]
    """Intensity factors of measured slices."""
    intensity_step: float | None = None
    matched_cuts: int = 0
    unmatched_cuts: tuple[UnmatchedCut, ...] = ()
    image: tuple[LevelGrid, ...]
    """Levels of the volume, finest first."""
    labels: tuple[LevelGrid, ...]
    """The same of its provenance."""
    within: int
    """Levels above level 0 that parts write too."""
    kept_planes: int
    """Planes, from the top, that are taken over from the published volume."""
    parts: tuple[tuple[Block, ...], ...]
    """Of what is left: the blocks that each task run writes, those of the levels above them included."""
