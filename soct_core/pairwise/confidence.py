"""Confidence in a pairwise registration, from 0 to 1, and the status that follows from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from schemas.pairwise import OverallStatus
from schemas.settings import PairwiseSettings
from soct_core.registration.likeness import NEGLIGIBLE_NCC

_UNRELATED_NCC, _NEIGHBOUR_NCC = 0.5, 0.8
"""NCC over tissue at which likeness counts 0 and 1. Measured: planes 1.5 mm apart reach 0.3 to 0.7,
neighbours 0.67 to 0.98, speckled or not."""
_CONSISTENT_PX = 2.0
"""Sigma. Chosen by hand: forward and backward registration of good pairs differ by 0.05 to 0.24 px."""
_HALF_SHARED, _WELL_SHARED = 0.55, 0.9
"""Shares of tissue that count 0 and 1. Chosen by hand: a plane of which half was not imaged shares 0.5; of
pairs within 1 px most share 0.9 and more; those led 2 to 13 px astray by what one lacks, 0.7 to 0.87."""
_BELIEVED_TRUST, _BELIEVED_PX, _BELIEVED_GAIN, _BELIEVED_SHARE = 0.8, 1.0, 0.07, 0.4
"""What a motion beyond its limit needs: confidence, agreement of there and back and of ECC and elastix, and a
gain in NCC (or a share of what is left to gain), as a great motion that is right must bring one. By hand: a
slice turned by 5 degrees gains 0.09."""
_DOUBTED = 0.25
"""Confidence at most where what fits may stand still in the image."""
_TELLING_MARGIN, _WELL_TOLD, _UNTOLD = 0.02, 0.05, 0.6
"""Mirror margin within which nothing tells a plane from its mirror image; the margin that counts 1; and what
a margin of 0 counts. A plane that fits hardly better than its mirror image fits by its outline alone, which
is seldom exact. Measured on six pairs each of four volumes, clean and speckled: true pairs reach 0.07 to 0.8
but for 2 of 72, whose halves are alike; mirrored ones fall below as far. By hand: with 0.15 and 0.45, good
pairs of a nearly symmetric phantom weighed so little that two sabotaged ones were not told
(`benchmarks/poses.py`)."""
_NOT_IMPROVED = 0.5
"""Factor. A guess that served."""


@dataclass(frozen=True)
class Evidence:
    """The figures that a registration is judged by; lengths in pixels of the slice."""

    pre_ncc: float
    post_ncc: float
    consistency_px: float
    """RMS distance over tissue between a pixel and where the forward and then the backward registration
    bring it."""
    rotation_deg: float
    translation_px: float
    plane_px: float
    """Longer side of the plane, in pixels as long as those along the translation."""
    tissue_fraction: float
    """Share of tissue in the plane that has less of it."""
    overlap: float
    """Tissue that both planes show once moved, as a share of the greater of the two tissues, where the planes
    lie over each other."""
    pixel_um: float
    """Length of a pixel along the translation, where pixels need not be square."""
    disagreement_px: float | None = None
    """RMS distance over tissue between what ECC and elastix found; None where one alone was asked."""
    mirror_margin: float = 1.0
    """How much better the plane fits than the best of its mirror images, in Fisher's transform of the NCC."""
    doubt: str = ""
    """What stands still in the image and may have been taken for tissue; empty where nothing does."""


def confidence(evidence: Evidence, settings: PairwiseSettings) -> tuple[float, tuple[str, ...]]:
    """How much a registration is to be believed, and what speaks against it.

    0 without tissue or at a bound. Otherwise the likeness reached, scaled between unrelated
    planes and good neighbours, times the agreement of the forward and the backward
    registration (a gaussian of their distance), times the share of tissue that both show (a
    plane of which half was not imaged drags the motion along), times how far the plane fits better
    than its mirror image; halved when the image did not get better. At most 0.25 where a mirror image
    fits better, or where what fits may stand still in the image. `benchmarks/confidence.py` shows
    what it is worth: how many pairs of each confidence are right within 1 px of the working grid.
    """
    reasons: list[str] = []
    if evidence.tissue_fraction < settings.min_foreground_fraction:
        return 0.0, (f"tissue fills {evidence.tissue_fraction:.1%} of a plane",)
    if abs(evidence.rotation_deg) >= settings.max_rotation_deg:
        return 0.0, (f"rotation {evidence.rotation_deg:.1f} deg is at its bound",)
    if evidence.translation_px >= settings.max_shift_fraction * evidence.plane_px:
        return 0.0, (f"translation {evidence.translation_px:.0f} px is at its bound",)
    likeness = np.clip((evidence.post_ncc - _UNRELATED_NCC) / (_NEIGHBOUR_NCC - _UNRELATED_NCC), 0, 1)
    agreement = np.exp(-0.5 * (evidence.consistency_px / _CONSISTENT_PX) ** 2)
    told = np.clip(evidence.mirror_margin / _WELL_TOLD, 0, 1)
    telling = _UNTOLD + (1 - _UNTOLD) * float(told)
    shared = np.clip((evidence.overlap - _HALF_SHARED) / (_WELL_SHARED - _HALF_SHARED), 0, 1)
    improved = 1.0
    if evidence.post_ncc < evidence.pre_ncc - NEGLIGIBLE_NCC:
        improved = _NOT_IMPROVED
        reasons.append(f"NCC fell from {evidence.pre_ncc:.3f} to {evidence.post_ncc:.3f}")
    if likeness < 0.5:
        reasons.append(f"planes are unlike (NCC {evidence.post_ncc:.3f})")
    if shared < 0.5:
        reasons.append(f"only {evidence.overlap:.0%} of the tissue is in both")
    if agreement < 0.5:
        reasons.append(f"forward and backward differ by {evidence.consistency_px:.1f} px")
    most = 1.0
    if evidence.mirror_margin <= -_TELLING_MARGIN:
        most = _DOUBTED
        reasons.append("a mirror image fits better")
    elif evidence.mirror_margin < _TELLING_MARGIN:
        reasons.append("a mirror image fits as well: nothing tells the two apart")
    if evidence.doubt:
        most = _DOUBTED
        reasons.append(evidence.doubt)
    return min(most, float(likeness * agreement * shared * telling * improved)), tuple(reasons)


def status(
    evidence: Evidence,
    z_correlation: float,
    trust: float,
    cuts: int,
    settings: PairwiseSettings,
) -> tuple[OverallStatus, tuple[str, ...]]:
    """Hold the figures of a pair against the warn and error thresholds.

    Thresholds of motion are per cut: a pair that spans several `cuts` may move so many times as far. Across
    a gap anatomy itself changes, so such a pair gets only a warning for a z correlation below the error
    threshold; its confidence (`trust`) decides. A motion beyond its error threshold is believed, with a
    warning, where all other evidence agrees: a block may have been mounted anew.
    """
    s = settings
    length = evidence.pixel_um
    shift_warn = s.translation_warn_px if s.translation_warn_um is None else s.translation_warn_um / length
    shift_error = (
        s.translation_error_px if s.translation_error_um is None else s.translation_error_um / length
    )
    z_error = s.z_correlation_error if cuts == 1 else -1.0
    turn = abs(evidence.rotation_deg)
    checks = (
        ("translation {:.1f} px", evidence.translation_px, cuts * shift_warn, cuts * shift_error, 1),
        ("rotation {:.2f} deg", turn, cuts * s.rotation_warn_deg, cuts * s.rotation_error_deg, 1),
        ("z correlation {:.2f}", z_correlation, s.z_correlation_warn, z_error, -1),
        ("confidence {:.2f}", trust, s.confidence_warn, s.confidence_error, -1),
    )
    worst: OverallStatus = "ok"
    reasons = []
    believed = is_believed(evidence, trust)
    for text, value, warn, error, sign in checks:
        side = "beyond" if sign > 0 else "below"
        if sign > 0 and value > error and believed:
            worst = "warning" if worst == "ok" else worst
            reasons.append(f"{text.format(value)} is beyond {error:g}, but all evidence agrees on it")
        elif sign * value > sign * error:
            worst = "error"
            reasons.append(f"{text.format(value)} is {side} {error:g}")
        elif sign * value > sign * warn:
            worst = "warning" if worst == "ok" else worst
            reasons.append(f"{text.format(value)} is {side} {warn:g}")
    return worst, tuple(reasons)


def is_believed(evidence: Evidence, trust: float) -> bool:
    """Whether there and back, two methods and the likeness agree, so that even a great motion is true."""
    return (
        trust >= _BELIEVED_TRUST
        and evidence.consistency_px <= _BELIEVED_PX
        and evidence.disagreement_px is not None
        and evidence.disagreement_px <= _BELIEVED_PX
        and evidence.post_ncc - evidence.pre_ncc
        >= min(_BELIEVED_GAIN, _BELIEVED_SHARE * (1 - evidence.pre_ncc))
    )
