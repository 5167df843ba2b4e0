"""Slots: the z interval that each slice id owns, in whole planes of the stacked volume.

Every position is rounded from its own exact place in the specimen, so that roundings of
neighbouring slots never add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from soct_core.errors import AcquisitionError
from soct_core.file_names import named_slice_id


@dataclass(frozen=True)
class Slots:
    """Where slices lie along z; depths in µm, planes counted from the top of the first slice."""

    first_id: int
    interval_um: float
    voxel_z_um: float
    trusted_depth_um: float
    """`usable_depth_um`: how deep a slice is trusted in the volume."""

    def top_um(self, slice_id: int) -> float:
        """Depth of the top of a slot in the specimen."""
        return (slice_id - self.first_id) * self.interval_um

    def top(self, slice_id: int) -> int:
        """Plane at which a slot begins."""
        return round(self.top_um(slice_id) / self.voxel_z_um)

    def residual_um(self, slice_id: int) -> float:
        """How much deeper the slot begins than its first plane, in µm; at most half a voxel."""
        return self.top_um(slice_id) - self.top(slice_id) * self.voxel_z_um

    def usable_planes(self, slice_id: int, nz: int) -> int:
        """Planes of a slice of `nz` planes that are trusted in the volume; at least one."""
        bottom = round((self.top_um(slice_id) + self.trusted_depth_um) / self.voxel_z_um)
        return max(1, min(nz, bottom - self.top(slice_id)))

    def missing_planes(self, gap_id: int, nz_before: int) -> int:
        """Planes truly missing in a single gap: from the bottom of before to the top of after.

        0 or less when the slice before is trusted deep enough to cover the gap.
        """
        before = gap_id - 1
        return self.top(gap_id + 1) - self.top(before) - self.usable_planes(before, nz_before)

    def depth(self, last_id: int, nz_last: int) -> int:
        """Planes of the whole volume: to the end of the last slot, or of its trusted data."""
        return max(self.top(last_id + 1), self.top(last_id) + self.usable_planes(last_id, nz_last))


def refuse_longer_gap(before: Path, after: Path) -> None:
    """Refuse two slices whose names say that more than one is missing between them.

    Raises
    ------
    AcquisitionError
    """
    above, below = named_slice_id(before), named_slice_id(after)
    if above is not None and below is not None and below - above > 2:
        raise AcquisitionError(
            f"{after}: {below - above - 1} slices are missing after {before.name}, wanted 1: longer gaps stay"
        )
