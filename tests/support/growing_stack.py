"""Slices before and after some came below them, and what a store holds file by file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from placed_slices import interpolated, measured

from schemas.settings import StackSettings
from soct_core.affine import Affine2D, plane_center
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.storage.file_tree import files_of

SLOT = 7
PLANE = (11, 405)
"""Odd, and long enough for two levels above the base."""
CENTER = plane_center(PLANE)
FLAT = StackSettings(chunks=(2, 512, 512))
"""Blocks are four times as deep as chunks: eight planes."""
RAMPS = FLAT.model_copy(update={"blend_depth_um": 30.0})


def tissue(planes: int, dtype: str, seed: int) -> NDArray[Any]:
    """Noise with some padding in it."""
    rng = np.random.default_rng(seed)
    data = rng.integers(1, 60_000, (planes, *PLANE)).astype(dtype)
    data[:, :, : seed % 5] = 0
    return data


def still(_: int) -> Affine2D:
    return Affine2D.identity()


def drifting(slice_id: int) -> Affine2D:
    """Within the same corners however many there are."""
    return Affine2D.rigid(0.3 * (-1) ** slice_id, (1.3 * (slice_id % 3), -0.7), CENTER)


@dataclass(frozen=True)
class Growth:
    """An acquisition before and after slices came."""

    name: str
    old: Sequence[int]
    new: Sequence[int]
    imaged: int = SLOT
    trusted: int = SLOT
    filled: Sequence[int] = ()
    pose: Callable[[int], Affine2D] = still
    settings: StackSettings = RAMPS
    factors: Mapping[int, float] = field(default_factory=dict)
    start: int = 56
    """First plane that is written again."""

    def layers(self, dtype: str) -> list[PlacedSlice]:
        """All of them; the filled slots lie between two measured ones."""
        found = [
            measured(i, tissue(self.imaged, dtype, i), i * SLOT, self.trusted, self.pose(i))
            for i in (*self.old, *self.new)
        ]
        found += [
            interpolated(i, tissue(SLOT, dtype, 100 + i), i * SLOT, self.pose(i - 1), self.pose(i + 1))
            for i in self.filled
        ]
        return sorted(found, key=lambda layer: layer.top)


def contents(store: Path) -> dict[str, bytes]:
    """Every file of a store, chunks and metadata alike."""
    return {name: Path(path).read_bytes() for name, path in files_of(store).items()}


def inodes(store: Path) -> dict[str, int]:
    """Inode of every file of a store."""
    return {name: Path(path).stat().st_ino for name, path in files_of(store).items()}
