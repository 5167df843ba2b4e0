"""The look of a registered pair: the two planes compared, and the second one moved."""

from __future__ import annotations

from schemas.reportlets import PairReportlet
from soct_core.pairwise.register import ComparedPlanes
from soct_core.planes.warp import coverage, warp
from soct_core.reportlets.outlines import outlines
from soct_core.reportlets.pictures import grey_window, picture


def pair_reportlet(compared: ComparedPlanes) -> PairReportlet:
    """Pictures on the working grid; what a motion pulls from outside the plane is black."""
    fixed, moving = compared.fixed, compared.moving
    window = grey_window(fixed.image, moving.image)
    shown = picture(fixed.image, window)
    registered = None
    if compared.motion is not None:
        motion = fixed.on_grid(compared.motion)
        moved = warp(moving.image, motion, fixed.shape)
        moved[~coverage(moving.shape, motion, fixed.shape)] = window[0]
        registered = picture(moved, window)
    return PairReportlet(
        fixed=shown,
        moving=picture(moving.image, window),
        registered=registered,
        outline=outlines(fixed.tissue, shown.width / fixed.shape[1]),
        z_curve=tuple((z, round(ncc, 4)) for z, ncc in compared.z_curve),
    )
