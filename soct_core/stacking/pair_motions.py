"""What registered pairs tell the stack: a motion, a weight, and anatomy taken off."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from schemas.pairwise import PairwiseMetrics
from soct_core.affine import Affine2D
from soct_core.pairwise.anatomy import AnatomyRate, mean_rate
from soct_core.pairwise.files import PairRecord
from soct_core.registration.working_plane import pixel_aspect
from soct_core.stacking.poses import PairMotion
from soct_core.stacking.z_corrections import ZDrift


def pair_motions(records: Sequence[PairRecord], *, subtract_anatomy: bool = True) -> list[PairMotion]:
    """The motion of each pair, in square pixels; weight 0 when it is not reliable or has no transform.

    With `subtract_anatomy`, the motion that anatomy itself makes over the depth between the two
    planes compared, as measured within both slices, is taken off: drift is what remains. From what was set by
    hand nothing is taken off.
    """
    rates = {r.metrics.fixed_id: rate for r in records if (rate := _rate(r.metrics)) is not None}
    pairs = []
    for record in records:
        pair, found = _motion(record), record.metrics
        known = [rates.get(found.fixed_id), rates.get(found.moving_id)]
        rate = mean_rate(known) if subtract_anatomy else None
        if rate is not None and pair.weight > 0 and not pair.by_hand:
            anatomy = rate.over(_uncompared_planes(found), pair.motion.center)
            pair = replace(pair, motion=pair.motion.compose(anatomy.inverse()))
        pairs.append(pair)
    return pairs


def z_drifts(records: Sequence[PairRecord], voxel_z_um: float) -> list[ZDrift]:
    """How much deeper than expected moving lies by the z match of each reliable pair, in µm."""
    drifts = []
    for m in (record.metrics for record in records):
        # A transform set by hand says nothing of depth: there registration's own word counts.
        judged = m.registered or m
        if m.z_drift is not None and judged.reliable:
            drift = m.z_drift * voxel_z_um
            drifts.append(ZDrift(m.fixed_id, m.moving_id, drift, judged.registration_confidence))
    return drifts


def pair_digest(record: PairRecord) -> str:
    """Digest of all that the stack takes from a pair, apart from other pairs."""
    found = record.metrics
    said = _motion(record), _rate(found), _uncompared_planes(found), found.z_drift, found.registered
    return hashlib.blake2b(str(said).encode(), digest_size=16).hexdigest()


def _motion(record: PairRecord) -> PairMotion:
    metrics, transform = record.metrics, record.transform
    if transform is None:
        motion = Affine2D.identity()
        return PairMotion(metrics.fixed_id, metrics.moving_id, motion, 0.0, 0.0, metrics.role)
    steers = metrics.reliable and metrics.overall_status != "error"
    return PairMotion(
        metrics.fixed_id,
        metrics.moving_id,
        Affine2D.of(transform.matrix, transform.translation, transform.center).scaled(
            *pixel_aspect(transform.voxel_size_um)
        ),
        metrics.registration_confidence if steers else 0.0,
        metrics.tissue_radius_px or 0.0,
        metrics.role,
        metrics.source == "manual",
    )


def _rate(metrics: PairwiseMetrics) -> AnatomyRate | None:
    x, y, turn = metrics.anatomy_rate_x, metrics.anatomy_rate_y, metrics.anatomy_rate_deg
    return None if x is None or y is None or turn is None else AnatomyRate(x, y, turn)


def _uncompared_planes(metrics: PairwiseMetrics) -> float:
    """Depth between the plane of fixed that was compared and the one that moving continues."""
    if metrics.z_source != "nominal" or metrics.z_index is None or metrics.expected_z_index is None:
        return 0.0
    return metrics.expected_z_index - metrics.z_index
