"""Refinement: what is added to the affine of a gap, and to its faces. No gate hangs on it.

A function of the planes next to the gap and of the affine alone, so that who knows the affine finds it again.
"""

from __future__ import annotations

import numpy as np

from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.arrays import Sliceable
from soct_core.volume.views import check_neighbours, padded_to_common_shape
from soct_core.zmorph.brightness import brightness_across
from soct_core.zmorph.cross_validation import held_out
from soct_core.zmorph.displacement import find_displacement
from soct_core.zmorph.morph import Refined
from soct_core.zmorph.near_planes import NearSide, far_planes, nearest_planes, plane_distance
from soct_core.zmorph.reference_slab import most_planes, slab_size
from soct_core.zmorph.sources import source_planes


def near_sides(
    above: Sliceable, below: Sliceable, settings: InterpolationSettings, *, far: bool = True
) -> tuple[NearSide, NearSide]:
    """The planes of both slices that a gap is judged by; without those at the far ends if not `far`."""
    most = most_planes(settings.reference_slab_size, plane_distance(above))
    reach = max(settings.overlap_search_window + most, 2 * most)
    further = most if far else 0
    # The far ends first: chunks next to the gap are wanted again, and what was unpacked last is held.
    ends = far_planes(above, reach, further, above=True), far_planes(below, reach, further, above=False)
    before, after = nearest_planes(above, reach, above=True), nearest_planes(below, reach, above=False)
    return (
        NearSide(before, ends[0], above.shape[0], True, plane_distance(above)),
        NearSide(after, ends[1], below.shape[0], False, plane_distance(below)),
    )


def refinement_of(
    vol_before: Sliceable,
    vol_after: Sliceable,
    motion: Affine2D,
    settings: InterpolationSettings,
    nz_out: int,
) -> Refined:
    """What is added to the affine of a gap, where that is known: nothing is registered or judged.

    Raises
    ------
    VolumeError
        If the volumes cannot be the two sides of a gap.
    """
    check_neighbours(vol_before, vol_after)
    volumes = padded_to_common_shape(vol_before, vol_after)
    # Light, which they tell of, bears on a displacement and on the uncertainty alone.
    far = settings.uncertainty or settings.deformation == "deformable"
    sides = near_sides(*volumes, settings, far=far)
    averaged = averaged_planes(sides, settings)
    return refinement(volumes, sides, motion, settings, (averaged, nz_out))


def averaged_planes(sides: tuple[NearSide, NearSide], settings: InterpolationSettings) -> int:
    """Planes next to the gap whose mean stands for the face, against noise."""
    before, after = sides
    wanted = settings.reference_slab_size
    if wanted != "auto":
        return 1
    return slab_size((before.planes, after.planes), wanted, most_planes(wanted, before.plane_um))


def refinement(
    volumes: tuple[Sliceable, Sliceable],
    sides: tuple[NearSide, NearSide],
    motion: Affine2D,
    settings: InterpolationSettings,
    counts: tuple[int, int],
) -> Refined:
    """What is added to the affine of a gap, and what the planes beside it say of that. No gate hangs on it.

    A displacement, unless it predicts planes that were imaged worse than the affine does; how many planes the
    sources are the mean of; the error of planes that were held out; the brightness of both sides.

    Parameters
    ----------
    volumes, sides
        Of before and of after.
    counts
        Planes next to the gap that are averaged against noise, and planes of the gap.
    """
    (above, below), (before, after), (averaged, nz_out) = volumes, sides, counts
    place = np.argwhere(before.planes.plane(0, averaged - 1).tissue)
    middle = place.mean(axis=0) if len(place) else np.array(before.planes.values.shape[1:]) / 2
    y, x = (middle + 0.5) * before.planes.factor / np.array(before.planes.aspect[::-1])
    count, noise = source_planes(above, below, settings.source_slab, nz_out + 1, (float(y), float(x)))
    near = before.planes, after.planes
    displacement = None
    if settings.deformation == "deformable":
        last = max(averaged, count) - 1
        displacement = find_displacement(near[0].plane(0, last), near[1].plane(0, last), motion)
    light = brightness_across(sides, averaged)
    if displacement is None and not settings.uncertainty:
        return Refined(None, count, noise, None, light)
    deformable, darkens = displacement is not None, bool(light.of_light)
    held = held_out(near, count, nz_out + 1, deformable=deformable, darkens=darkens)
    if held is not None and held[1].square > held[0].square:
        # What predicts planes that were imaged worse than the affine does is not believed of the missing.
        displacement = None
    error = None
    if held is not None and settings.uncertainty:
        error = held[displacement is not None].error
    return Refined(displacement, count, noise, error, light)
