"""The look of a single gap: its two sides, what was put between, and the slabs registered."""

from __future__ import annotations

from schemas.diagnostics import InterpolationDiagnostics
from schemas.reportlets import GapReportlet, Picture, Polygon
from soct_core.affine import Affine2D
from soct_core.arrays import Sliceable
from soct_core.planes.warp import coverage, warp
from soct_core.registration.reduced_reading import read_plane
from soct_core.registration.working_plane import RegistrationPlane
from soct_core.reportlets.gap_planes import GapPlanes, reduced_plane
from soct_core.reportlets.outlines import outlines
from soct_core.reportlets.pictures import grey_window, picture
from soct_core.volume.views import padded_to_common_shape


def gap_reportlet(
    vol_before: Sliceable, vol_after: Sliceable, shown: GapPlanes, diagnostics: InterpolationDiagnostics
) -> GapReportlet:
    """Pictures of a gap; those of the slabs as far as the interpolation came."""
    before, after = padded_to_common_shape(vol_before, vol_after)
    sides = reduced_plane(before, before.shape[0] - 1), reduced_plane(after, 0)
    window = grey_window(*sides)
    pictures, outline = _slabs(before, after, diagnostics)
    return GapReportlet(
        before=picture(sides[0], window),
        after=picture(sides[1], window),
        interpolated=None if shown.middle is None else picture(shown.middle, window),
        uncertainty=_uncertainty(shown, window),
        **pictures,
        outline=outline,
    )


def _uncertainty(shown: GapPlanes, window: tuple[float, float]) -> Picture | None:
    """Half widths in the greys of the planes, from 0 on: what is as bright as tissue is not known at all."""
    if shown.uncertainty is None:
        return None
    return picture(shown.uncertainty, (0.0, window[1] - window[0]))


def _slabs(
    before: Sliceable, after: Sliceable, d: InterpolationDiagnostics
) -> tuple[dict[str, Picture], tuple[Polygon, ...]]:
    """The slabs that the diagnostics name, read again: they are a few planes."""
    if d.slab_before_range is None or d.slab_after_range is None:
        return {}, ()
    fixed, moving = _slab(after, d.slab_after_range), _slab(before, d.slab_before_range)
    window = grey_window(fixed.image, moving.image)
    found = {"fixed": picture(fixed.image, window), "moving": picture(moving.image, window)}
    motion = _motion(d)
    if motion is not None:
        on_grid = fixed.on_grid(motion)
        moved = warp(moving.image, on_grid, fixed.shape)
        moved[~coverage(moving.shape, on_grid, fixed.shape)] = window[0]
        found["registered"] = picture(moved, window)
    return found, outlines(fixed.tissue, found["fixed"].width / fixed.shape[1])


def _slab(volume: Sliceable, planes: tuple[int, int]) -> RegistrationPlane:
    return read_plane(volume, slice(planes[0], planes[1] + 1))


def _motion(d: InterpolationDiagnostics) -> Affine2D | None:
    if d.affine_matrix is None or d.affine_translation is None or d.affine_center is None:
        return None
    return Affine2D.of(d.affine_matrix, d.affine_translation, d.affine_center)
