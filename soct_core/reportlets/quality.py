"""The looks of an assessed slice: its planes, and its faces laid over those of the slices around."""

from __future__ import annotations

from schemas.reportlets import PairReportlet, SliceReportlet
from soct_core.arrays import Sliceable
from soct_core.planes.warp import coverage, warp
from soct_core.quality.compare import Comparison
from soct_core.quality.planes import LookedAt
from soct_core.registration.reduced_reading import read_plane
from soct_core.registration.working_plane import RegistrationPlane
from soct_core.reportlets.outlines import outlines
from soct_core.reportlets.pictures import grey_window, picture

UNLIKE_BELOW = 0.5
"""Local NCC below which a place counts as unlike when it is outlined. Chosen by eye."""
_SIDE_PX, _BYTES = 240, 6_000


def slice_reportlet(volume: Sliceable, looked_at: LookedAt) -> SliceReportlet:
    """The planes that were measured, in one window of greys."""
    planes = {z: read_plane(volume, z).image for z in looked_at.singles}
    window = grey_window(*planes.values())
    return SliceReportlet(
        planes=tuple(
            (z, picture(plane, window, side_px=_SIDE_PX, max_bytes=_BYTES)) for z, plane in planes.items()
        )
    )


def comparison_reportlet(
    upper: RegistrationPlane, lower: RegistrationPlane, compared: Comparison
) -> PairReportlet:
    """Two faces on the grid of the upper one; outlined: tissue where they are unlike."""
    window = grey_window(upper.image, lower.image)
    shown = picture(upper.image, window)
    registered = None
    if compared.motion is not None:
        moved = warp(lower.image, compared.motion, upper.shape)
        moved[~coverage(lower.shape, compared.motion, upper.shape)] = window[0]
        registered = picture(moved, window)
    unlike = compared.tissue & (compared.local < UNLIKE_BELOW)
    return PairReportlet(
        fixed=shown,
        moving=picture(lower.image, window),
        registered=registered,
        outline=outlines(unlike, shown.width / upper.shape[1]),
    )
