"""Pairwise registration: the rigid in-plane motion and the z match of two neighbouring slices.

Fixed is the upper slice, moving the lower: `moving(T(x)) ~ fixed(x)`. SPEC section 10.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from schemas.pairwise import PairRole, PairwiseMetrics, RigidTransform
from schemas.settings import PairwiseSettings
from soct_core.affine import Affine2D, plane_center
from soct_core.arrays import Sliceable, Zyx
from soct_core.errors import RegistrationError
from soct_core.pairwise.anatomy import AnatomyRate, anatomy_rate
from soct_core.pairwise.confidence import Evidence, confidence, status
from soct_core.pairwise.depth_order import DOUBTED, DepthOrder, PlaneLikeness, depth_order
from soct_core.pairwise.tissue_motion import TissueMotion, tissue_motion
from soct_core.pairwise.z_match import ZCurve, ZSearch, best_z, z_curve, z_search
from soct_core.planes.warp import coverage, warp
from soct_core.registration.evidence import fisher, mirror_likeness, whole_ncc
from soct_core.registration.fixed_pattern import without_frame
from soct_core.registration.likeness import displacement_rms, ncc_before_and_after
from soct_core.registration.reduced_reading import read_plane
from soct_core.registration.register import register
from soct_core.registration.working_plane import RegistrationPlane, pixel_aspect
from soct_core.versions import software_versions
from soct_core.volume.views import padded_to_common_shape

_Z_ROUNDS = 3
"""A guess that served: at most so many rounds of registration and z match, each of which costs time."""


@dataclass(frozen=True)
class Pair:
    """Two slices and how they lie to each other."""

    fixed_id: int
    moving_id: int
    offset: float
    """Depth of moving's top below fixed's top, in planes."""
    role: PairRole = "neighbours"
    touches_interpolated: bool = False


@dataclass(frozen=True, eq=False)
class ComparedPlanes:
    """The planes that were compared, for pictures of them."""

    fixed: RegistrationPlane
    moving: RegistrationPlane
    motion: Affine2D | None
    """In pixels of the slice; None when the registration raised."""
    z_curve: ZCurve = ()


def register_slices(
    fixed: Sliceable, moving: Sliceable, pair: Pair, voxel_size_um: Zyx, settings: PairwiseSettings
) -> tuple[RigidTransform | None, PairwiseMetrics]:
    """Register two neighbouring slices: `register_and_compare` without the planes."""
    transform, metrics, _ = register_and_compare(fixed, moving, pair, voxel_size_um, settings)
    return transform, metrics


def register_and_compare(
    fixed: Sliceable, moving: Sliceable, pair: Pair, voxel_size_um: Zyx, settings: PairwiseSettings
) -> tuple[RigidTransform | None, PairwiseMetrics, ComparedPlanes]:
    """Register two neighbouring slices; only the few planes compared are read.

    Parameters
    ----------
    fixed, moving
        Upper and lower slice, (z, y, x), of one voxel size; planes are padded to one size.

    Returns
    -------
    transform : RigidTransform or None
        None when the registration raised: there is no transform to be mistaken for a good one.
    metrics : PairwiseMetrics
        `reliable=false`, `overall_status=error` and confidence 0 whenever an interpolated
        slice is part of the pair.
    compared : ComparedPlanes
        On the working grid.
    """
    started = time.perf_counter()
    a, b = padded_to_common_shape(fixed, moving)
    search = z_search(a.shape[0], b.shape[0], pair.offset, voxel_size_um[0], settings)
    aspect = pixel_aspect(voxel_size_um)
    moving_plane = read_plane(b, search.moving_z, aspect=aspect)
    try:
        found = _register(a, moving_plane, search, settings)
    except RegistrationError as error:
        failed = _failed(pair, search, str(error), settings, time.perf_counter() - started)
        start = read_plane(a, search.start, moving_plane.factor, aspect)
        return None, failed, ComparedPlanes(start, moving_plane, None)
    evidence = _evidence(found, voxel_size_um, settings)
    rate = _anatomy_rate(a, found, pair, voxel_size_um[0], settings)
    order = _depth_order((a, b), found, pair)
    metrics = _metrics(pair, found, _Seen(evidence, rate, order), settings, started)
    motion = found.motion
    transform = RigidTransform(
        fixed_id=pair.fixed_id,
        moving_id=pair.moving_id,
        matrix=motion.matrix,
        translation=motion.translation,
        center=motion.center,
        rotation_deg=evidence.rotation_deg,
        voxel_size_um=voxel_size_um,
        plane_shape=(a.shape[1], a.shape[2]),
    )
    return transform, metrics, ComparedPlanes(found.fixed, found.moving, motion, found.z_curve)


@dataclass(frozen=True)
class _Found:
    motion: Affine2D
    """In pixels of the slice, about the plane's centre."""
    disagreement_px: float | None
    """Of ECC and elastix."""
    doubt: str
    """What stands still in the image and may have been taken for tissue."""
    z: int
    z_correlation: float
    z_curve: ZCurve
    fixed: RegistrationPlane
    moving: RegistrationPlane
    """As registered: without what stands still in the image."""
    search: ZSearch


def _register(
    fixed: Sliceable, moving: RegistrationPlane, search: ZSearch, settings: PairwiseSettings
) -> _Found:
    """Register in-plane first, so that drift does not hide the depth; again until the depth stays."""
    shape = fixed.shape[1], fixed.shape[2]
    best, likeness = search.start, 0.0
    curve: ZCurve = ()
    for _ in range(_Z_ROUNDS):
        z = best
        plane = read_plane(fixed, z, moving.factor, moving.aspect)
        found = _tissue_motion(plane, moving, settings)
        curve = z_curve(fixed, search, moving, moving.on_grid(found.motion))
        best, likeness = best_z(search, curve)
        if best == z:
            break
    else:
        plane = read_plane(fixed, best, moving.factor, moving.aspect)
        found = _tissue_motion(plane, moving, settings)
    motion = found.motion.about(plane_center(shape))
    seen = found.planes
    return _Found(
        motion, found.disagreement_px, seen.doubt, best, likeness, curve, seen.fixed, seen.moving, search
    )


def _tissue_motion(
    fixed: RegistrationPlane, moving: RegistrationPlane, settings: PairwiseSettings
) -> TissueMotion:
    seen = without_frame(fixed, moving)
    return tissue_motion(seen, register(seen.fixed, seen.moving, "rigid", settings), settings)


def _evidence(found: _Found, voxel_size_um: Zyx, settings: PairwiseSettings) -> Evidence:
    moving, factor = found.moving, found.moving.factor
    on_grid = moving.on_grid(found.motion)
    pixel_um = _pixel_um(found.motion, voxel_size_um)
    pre, post = ncc_before_and_after(found.fixed, moving, on_grid)
    return Evidence(
        pre_ncc=pre,
        post_ncc=post,
        consistency_px=_consistency(found, on_grid, settings) * factor,
        rotation_deg=on_grid.rotation_deg,
        translation_px=float(np.hypot(*found.motion.translation)),
        plane_px=max(found.fixed.shape) * factor * min(voxel_size_um[1:]) / pixel_um,
        tissue_fraction=min(found.fixed.tissue_fraction, moving.tissue_fraction),
        overlap=_overlap(found.fixed, moving, on_grid),
        pixel_um=pixel_um,
        disagreement_px=found.disagreement_px,
        doubt=found.doubt,
        mirror_margin=_mirror_margin(found, on_grid),
    )


def _consistency(found: _Found, on_grid: Affine2D, settings: PairwiseSettings) -> float:
    """RMS distance over tissue between there and there and back, on the working grid."""
    apart = float(max(found.fixed.shape))
    try:
        back = register(found.moving, found.fixed, "rigid", settings).motion
    except RegistrationError:
        return apart
    return min(apart, displacement_rms(found.moving.on_grid(back).compose(on_grid), found.fixed.tissue))


def _overlap(fixed: RegistrationPlane, moving: RegistrationPlane, on_grid: Affine2D) -> float:
    """Tissue in both, as a share of the greater tissue that a shift has not brought out of view."""
    inside = coverage(moving.shape, on_grid, fixed.shape)
    moved = warp(moving.tissue.astype(np.float32), on_grid, fixed.shape) > 0.5
    greater = max(int((fixed.tissue & inside).sum()), int((moved & inside).sum()))
    return float((fixed.tissue & moved & inside).sum()) / greater if greater else 0.0


def _mirror_margin(found: _Found, on_grid: Affine2D) -> float:
    likeness = whole_ncc(found.fixed, found.moving, on_grid)
    return fisher(likeness) - fisher(mirror_likeness(found.fixed, found.moving, "rigid"))


def _metrics(
    pair: Pair, found: _Found, seen: _Seen, settings: PairwiseSettings, started: float
) -> PairwiseMetrics:
    evidence, rate, order = seen.evidence, seen.rate, seen.order
    trust, remarks = confidence(evidence, settings)
    if order.reasons:
        trust *= DOUBTED
    state, reasons = status(evidence, found.z_correlation, trust, pair.moving_id - pair.fixed_id, settings)
    if order.reasons:
        state, reasons = "warning" if state == "ok" else state, (*reasons, *order.reasons)
    if pair.touches_interpolated:
        trust, state, reasons = 0.0, "error", ("touches an interpolated slice", *reasons)
    motion, search = found.motion, found.search
    return PairwiseMetrics(
        fixed_id=pair.fixed_id,
        moving_id=pair.moving_id,
        role=pair.role,
        translation_x=motion.translation[0],
        translation_y=motion.translation[1],
        translation_magnitude=evidence.translation_px,
        rotation_deg=evidence.rotation_deg,
        z_index=found.z,
        moving_z_index=search.moving_z,
        expected_z_index=search.expected,
        z_drift=found.z - search.expected if search.source == "matched" else None,
        z_correlation=found.z_correlation,
        z_source=search.source,
        z_expected_correlation=order.expected_ncc,
        z_wide_index=order.wide_z,
        z_wide_correlation=order.wide_ncc,
        same_depth_ncc=order.same_depth_ncc,
        reversed_ncc=order.reversed_ncc,
        same_image=order.is_same_image,
        reversed_order=order.is_reversed,
        pre_ncc=evidence.pre_ncc,
        post_ncc=evidence.post_ncc,
        consistency_px=evidence.consistency_px,
        disagreement_px=found.disagreement_px,
        mirror_margin=evidence.mirror_margin,
        tissue_radius_px=tissue_radius(found.fixed),
        anatomy_rate_x=rate.x if rate else None,
        anatomy_rate_y=rate.y if rate else None,
        anatomy_rate_deg=rate.rotation_deg if rate else None,
        registration_confidence=trust,
        reliable=not pair.touches_interpolated and state != "error",
        overall_status=state,
        reasons=(*reasons, *remarks),
        settings=settings,
        versions=software_versions(),
        seconds=time.perf_counter() - started,
    )


@dataclass(frozen=True)
class _Seen:
    """What a registration is judged by."""

    evidence: Evidence
    rate: AnatomyRate | None
    order: DepthOrder


def _depth_order(volumes: tuple[Sliceable, Sliceable], found: _Found, pair: Pair) -> DepthOrder:
    """Whether the slices lie to each other as their ids say.

    Not asked of checks, whose slices are also in pairs of neighbours, nor of interpolated slices.
    """
    if pair.role == "check" or pair.touches_interpolated:
        return DepthOrder(dict(found.z_curve)[found.search.start])
    likeness = PlaneLikeness(*volumes, found.moving.on_grid(found.motion), found.moving)
    return depth_order(volumes, found.search, found.z_curve, likeness, pair.offset)


def _anatomy_rate(
    fixed: Sliceable, found: _Found, pair: Pair, voxel_z_um: float, settings: PairwiseSettings
) -> AnatomyRate | None:
    """Anatomy motion in the fixed slice, just above the compared plane. Checks measure none: their slices are
    also in pairs of neighbours, which do."""
    span = round(settings.anatomy_span_um / voxel_z_um)
    if pair.role == "check" or pair.touches_interpolated:
        return None
    return anatomy_rate(fixed, max(0, found.z - span), found.z, settings, found.fixed.aspect)


def _pixel_um(motion: Affine2D, voxel_size_um: Zyx) -> float:
    """Length of a pixel along a translation, where pixels need not be square."""
    x, y = motion.translation
    length = float(np.hypot(x, y))
    return (
        float(np.hypot(x * voxel_size_um[2], y * voxel_size_um[1])) / length if length else voxel_size_um[2]
    )


def tissue_radius(plane: RegistrationPlane) -> float:
    """RMS distance of tissue from the plane's centre, in pixels of the slice; 0 without tissue."""
    y, x = np.nonzero(plane.tissue)
    if y.size == 0:
        return 0.0
    cx, cy = plane_center(plane.shape)
    return float(np.sqrt(((x - cx) ** 2 + (y - cy) ** 2).mean())) * plane.factor


def _failed(
    pair: Pair, search: ZSearch, message: str, settings: PairwiseSettings, seconds: float
) -> PairwiseMetrics:
    return PairwiseMetrics(
        fixed_id=pair.fixed_id,
        moving_id=pair.moving_id,
        role=pair.role,
        moving_z_index=search.moving_z,
        expected_z_index=search.expected,
        z_source=search.source,
        registration_confidence=0.0,
        reliable=False,
        overall_status="error",
        reasons=(f"registration failed: {message}",),
        settings=settings,
        versions=software_versions(),
        seconds=seconds,
    )
