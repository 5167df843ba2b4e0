"""The figures of the truth benchmark: what became of every gap, in words and in a plot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

TIE_DB = 0.05
"""Closer than that to the linear cross-fade neither decision is wrong."""

ALIGNED_COST_DB = 0.3

WORTH_DB = 0.3
"""So much below the linear cross-fade, a morph is not worse."""


@dataclass(frozen=True)
class Result:
    """What became of a gap or decoy; PSNR in dB."""

    index: int
    source: str
    axis: int
    planes: int
    rotation_deg: float
    shift_px: float
    noise: str
    decoy: str
    stretch: float
    accepted: bool
    reason: str
    gate: str
    pre_ncc: float
    post_ncc: float
    registration_error_px: float
    psnr_zmorph: float
    psnr_all: float
    """At interior depths, as the next ones; `all` is what zmorph does by default."""
    psnr_affine: float
    psnr_deformable: float
    psnr_sources: float
    psnr_linear_interior: float
    ssim_affine: float
    ssim_deformable: float
    ssim_sources: float
    ssim_all: float
    ssim_linear_interior: float
    ssim_average: float
    ssim_weighted: float
    source_planes: int
    brightness_of_light: float
    """Share of the step in brightness that light makes; NaN where that is not known."""
    held_out_error: float
    min_jacobian: float
    coverage: float
    """Share of the voxels of tissue within their interval of nominal 90 %."""
    coverage_all: float
    mean_error: float
    """Of the mean of tissue, as a share of its mean half width."""
    sharpness: float
    """Mean half width, as a share of a constant one that holds as many voxels of the gap."""
    sharpness_best: float
    """The same of half widths that follow the errors themselves."""
    psnr_linear: float
    clean_gain_drift: float
    """Over linear, of faces without noise morphed by the true drift."""
    clean_gain_found: float
    """The same by the motion that was found."""
    psnr_average: float
    psnr_weighted: float
    ssim_zmorph: float
    ssim_linear: float
    wall_s: float
    cpu_s: float
    cpu_search_s: float
    """Choosing the boundary plane pair."""
    cpu_register_s: float
    cpu_planes_s: float
    """Making the planes; the rest of `cpu_s` is preparing and judging."""

    @property
    def gain(self) -> float:
        """Of zmorph over the linear cross-fade without registration."""
        return self.psnr_zmorph - self.psnr_linear

    @property
    def right(self) -> bool:
        """Whether it was accepted exactly if that was better than linear, or refused as a decoy."""
        if self.decoy or abs(self.gain) <= TIE_DB:
            return not (self.decoy and self.accepted)
        # An aligned clean gap is to be filled as long as that costs next to nothing.
        return self.accepted == (self.gain > (-ALIGNED_COST_DB if self.aligned_and_clean else 0.0))

    @property
    def aligned_and_clean(self) -> bool:
        return self.aligned and self.noise == "clean"

    @property
    def worth(self) -> bool:
        """Whether a gap is worth filling, known from its truth."""
        return not self.decoy and self.clean_gain_drift > -WORTH_DB

    @property
    def filled_right(self) -> bool:
        """Whether it was filled, and not worse than the linear cross-fade."""
        return self.accepted and self.clean_gain_found > -WORTH_DB

    @property
    def aligned(self) -> bool:
        """Whether the block did not move at all."""
        return not self.decoy and self.shift_px == 0 and self.stretch == 0


def summary(results: list[Result]) -> Iterable[str]:
    """The figures of section 13 of the contract."""
    gaps, decoys = [r for r in results if not r.decoy], [r for r in results if r.decoy]
    yield f"{len(gaps)} gaps, {len(decoys)} decoys"
    of_gaps = np.mean([r.right for r in gaps])
    yield f"  decisions right: {np.mean([r.right for r in results]):.1%} (gaps {of_gaps:.1%})"
    lost, bad = (
        sum(not r.accepted and not r.right for r in gaps),
        sum(r.accepted and not r.right for r in gaps),
    )
    ties = [r for r in gaps if abs(r.gain) <= TIE_DB]
    clear = np.mean([r.accepted == (r.gain > 0) for r in gaps if abs(r.gain) > TIE_DB])
    yield f"    refused but worth it {lost}, accepted but worse {bad}"
    yield f"    without the {len(ties)} ties with linear: gaps {clear:.1%}"
    wrong = [r.decoy for r in decoys if r.accepted]
    yield f"  decoys accepted: {len(wrong)} {sorted(set(wrong))}"
    aligned = [r for r in gaps if r.aligned_and_clean]
    yield f"  aligned clean gaps refused: {sum(not r.accepted for r in aligned)} of {len(aligned)}"
    accepted = [r for r in gaps if r.accepted]
    drifting = [r for r in accepted if r.shift_px > 0]
    wins = np.mean([r.gain > 0 for r in drifting])
    yield f"  accepted drifting gaps where zmorph beats linear: {wins:.1%} of {len(drifting)}"
    still = [r.gain for r in accepted if r.aligned]
    if still:
        yield f"  accepted aligned gaps, worst against linear: {min(still):+.2f} dB of {len(still)}"
    for noise in sorted({r.noise for r in gaps}):
        for drift in sorted({r.shift_px for r in gaps}):
            same = [r for r in gaps if r.noise == noise and r.shift_px == drift]
            if same:
                yield (
                    f"  {noise:>11}, drift {drift:>4.0f} px: PSNR average "
                    f"{_mean(same, 'psnr_average')}, weighted {_mean(same, 'psnr_weighted')}, linear "
                    f"{_mean(same, 'psnr_linear')}, zmorph {_mean(same, 'psnr_zmorph')}, interior "
                    f"{_mean(same, 'psnr_all')}; SSIM linear {_mean(same, 'ssim_linear', 3)}, zmorph "
                    f"{_mean(same, 'ssim_zmorph', 3)}; accepted {np.mean([r.accepted for r in same]):.0%}"
                )
    errors = np.array([r.registration_error_px for r in accepted])
    yield f"  registration error of accepted gaps, anatomy included: median {np.nanmedian(errors):.2f} px"
    yield f"  one gap: median {np.median([r.wall_s for r in results]):.2f} s wall, " + ", ".join(
        f"{np.median([getattr(r, name) for r in accepted]):.2f} s CPU {what}"
        for name, what in (
            ("cpu_s", "in all"),
            ("cpu_search_s", "search"),
            ("cpu_register_s", "registration"),
            ("cpu_planes_s", "planes"),
        )
    )


WORSE_DB = 0.1
WAYS = ("deformable", "sources", "all", "linear", "average", "weighted")
"""Held against the affine morph; `all` is what zmorph does by default."""


def refinements(results: list[Result]) -> Iterable[str]:
    """At interior depths, of accepted gaps: PSNR and SSIM over the affine morph; the intervals of voxels."""
    gaps = [r for r in results if r.accepted and not r.decoy]
    for index, what in enumerate(("PSNR in dB", "SSIM")):
        yield f"  {what:>30} gaps " + " ".join(f"{way:>10}" for way in WAYS) + "   all worse"
        for name, same in _groups(gaps):
            over = {way: _over_affine(same, way, index) for way in WAYS}
            worse = f"{(over['all'] < -WORSE_DB).mean():>8.0%}" if index == 0 else ""
            means = " ".join(f"{over[way].mean():>+10.{2 + index}f}" for way in WAYS)
            yield f"  {name:>30} {len(same):>4} {means} {worse}"
    yield (
        f"  {'':>30} within the nominal 90 %: tissue, all voxels; width beside a constant, and of one that "
        "follows the errors; error of the mean of tissue beside its half width, in 9 gaps of 10"
    )
    for name, same in _groups(gaps):
        figures = (
            _mean(same, name_, 2) for name_ in ("coverage", "coverage_all", "sharpness", "sharpness_best")
        )
        mean = np.nanquantile([r.mean_error for r in same], 0.9) if same else float("nan")
        yield f"  {name:>30} {' '.join(figures)} {mean:.2f}"
    light = [r.brightness_of_light for r in gaps if r.brightness_of_light == r.brightness_of_light]
    if light:
        lit = sum(share > 0 for share in light)
        yield f"  light makes the step in brightness in {lit} of {len(light)} gaps, {min(light):.0%} at least"
    yield f"  least Jacobian: {min((r.min_jacobian for r in gaps), default=float('nan')):.2f}"
    for r in gaps:
        if r.psnr_all - r.psnr_affine < -WORSE_DB:
            yield f"  worse: {r.source}, {r.noise}, case {r.index}, {r.psnr_all - r.psnr_affine:+.2f} dB"


def _over_affine(results: list[Result], way: str, index: int) -> NDArray[Any]:
    kind = ("psnr", "ssim")[index]
    name = f"{kind}_{way}_interior" if way == "linear" else f"{kind}_{way}"
    return np.array([getattr(r, name) - getattr(r, f"{kind}_affine") for r in results])


def _groups(gaps: list[Result]) -> Iterable[tuple[str, list[Result]]]:
    """All gaps; those of each volume, of each noise, and of both."""
    yield "all", gaps
    for source in sorted({r.source for r in gaps}):
        yield source, [r for r in gaps if r.source == source]
    for noise in sorted({r.noise for r in gaps}):
        yield noise, [r for r in gaps if r.noise == noise]
    for source, noise in sorted({(r.source, r.noise) for r in gaps}):
        yield f"{source}, {noise}", [r for r in gaps if (r.source, r.noise) == (source, noise)]


def by_source_and_noise(results: list[Result]) -> Iterable[str]:
    """Gaps worth filling that are filled, and decoys that pass: over all, of each volume and each noise."""
    yield f"  {'over all':>24}: {_filled(results)}"
    for source in sorted({r.source for r in results}):
        yield f"  {source:>24}: {_filled([r for r in results if r.source == source])}"
    for noise in sorted({r.noise for r in results}):
        yield f"  {noise:>24}: {_filled([r for r in results if r.noise == noise])}"
    for r in results:
        if r.decoy and r.accepted:
            yield f"  passed: {r.decoy}, {r.source}, {r.noise}, case {r.index}"
    refused = Counter(r.reason for r in results if r.worth and not r.accepted)
    yield f"  refused though worth filling: {dict(refused.most_common())}"


def _filled(results: list[Result]) -> str:
    worth = [r.filled_right for r in results if r.worth]
    decoys = [r.accepted for r in results if r.decoy]
    share = f"{sum(worth) / len(worth):4.0%}" if worth else "none"
    said = f"decoys accepted {sum(decoys)} of {len(decoys)}"
    return f"{share} of {len(worth):3} gaps worth filling are filled right; {said}"


def _mean(results: list[Result], name: str, digits: int = 1) -> str:
    return f"{np.nanmean([getattr(r, name) for r in results]):.{digits}f}"


def plot(results: list[Result], path: Path) -> None:
    """Gain over the linear cross-fade, accepted and refused."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    axis = figure.subplots()
    for accepted, color in ((True, "tab:green"), (False, "tab:red")):
        same = [r for r in results if not r.decoy and r.accepted == accepted]
        axis.scatter(
            [r.post_ncc for r in same],
            [r.gain for r in same],
            s=12,
            color=color,
            label="accepted" if accepted else "refused",
        )
    axis.axhline(0, color="gray", linewidth=0.8)
    axis.set(xlabel="NCC after registration", ylabel="zmorph - linear, PSNR in dB")
    axis.legend()
    figure.savefig(path)
