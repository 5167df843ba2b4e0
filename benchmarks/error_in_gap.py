"""Where in a gap does the error lie? By depth over gaps of some volumes, and in one plane.

    python benchmarks/error_in_gap.py [--reference VOLUME.npz ...] [--gaps 24] [--noise clean]

Gaps are those of `benchmarks/truth.py`. Errors are root mean squares over tissue, as shares of the brightest
0.1 %. The plane is the middle of the first gap of the phantom.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from gaps import Case, cases, cut
from matplotlib.figure import Figure
from noises import NOISES
from numpy.typing import NDArray

from schemas.settings import InterpolationSettings
from soct_core.zmorph.interpolate import prepare_morph
from soct_core.zmorph.morph import Morph, alphas
from soct_core.zmorph.uncertainty import half_widths

DEPTHS = np.linspace(0.2, 0.8, 7)
"""Of a gap of four planes the first lies at 0.2."""
NINETY = 1.645
"""Half widths of 90 % in standard deviations."""
Planes = NDArray[Any]


@dataclass(frozen=True)
class Errors:
    """Of one gap, plane by plane, as shares of the peak."""

    name: str
    depths: Planes
    linear: Planes
    affine: Planes
    zmorph: Planes
    expected: Planes
    """What the half widths say."""
    error: Planes
    """Of the middle plane, voxel by voxel."""
    half: Planes
    face: Planes


def errors_of(case: Case) -> Errors | None:
    """Errors of a gap; None where it is not filled."""
    gap = cut(case)
    before, after = (np.rint(np.clip(v, 0, 65_535)).astype(np.uint16) for v in (gap.before, gap.after))
    settings, count = InterpolationSettings(alpha_sampling="interior"), case.planes
    morph, trial = prepare_morph(before, after, settings, count)
    if morph is None or trial.verdict is None:
        return None
    peak = float(np.percentile(gap.shown, 99.9))
    tissue = gap.shown > 0.08 * peak
    a = alphas(count, "interior")

    def off(planes: Planes) -> Planes:
        error = np.minimum(planes.astype(float), peak) - np.minimum(gap.shown, peak)
        return np.asarray(np.abs(error) / peak)

    def over_tissue(values: Planes) -> Planes:
        return np.array([np.sqrt((v[t] ** 2).mean()) for v, t in zip(values, tissue, strict=True)])

    plain = Morph.of_planes(before[-1], after[0], trial.verdict.motion, settings)
    share = a[:, None, None]
    made = off(np.stack(list(morph.planes(count))))
    half = np.stack(list(half_widths(morph, count))) / peak
    middle = count // 2
    return Errors(
        Path(case.source).stem,
        a,
        over_tissue(off((1 - share) * before[-1] + share * after[0])),
        over_tissue(off(np.stack(list(plain.planes(count))))),
        over_tissue(made),
        over_tissue(half) / NINETY,
        made[middle],
        half[middle],
        gap.shown[middle] / peak,
    )


def drawn(found: list[Errors], noise: str) -> Figure:
    """Errors by depth, and the plane of the first gap of the phantom."""
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    curve, *maps = figure.subplots(1, 4, width_ratios=(1.5, 1, 1, 1))
    for label, attribute, colour in (
        ("linear cross-fade", "linear", "#777777"),
        ("affine", "affine", "#99bbdd"),
        ("zmorph", "zmorph", "#4477aa"),
        ("as the half widths say", "expected", "#ee7733"),
    ):
        # Gaps have different planes: each is brought to the same depths.
        each = [np.interp(DEPTHS, one.depths, getattr(one, attribute)) for one in found]
        mean = np.sqrt((np.array(each) ** 2).mean(axis=0))
        curve.plot(DEPTHS, mean, "o-", label=label, color=colour, markersize=3)
    curve.set(xlabel="depth in the gap, a", ylabel="error (RMS), share of the brightest", ylim=(0, None))
    curve.set_title(f"{len(found)} gaps, {noise}", fontsize=9)
    curve.legend(fontsize=7, frameon=False)
    example = next((one for one in found if one.name == "phantom"), found[0])
    top = float(np.percentile(example.error, 99.5))
    for axis, title, values, colours, most in (
        (maps[0], "truth, half-way", example.face, "gray", 1.0),
        (maps[1], "error of zmorph", example.error, "magma", top),
        (maps[2], "half width", example.half, "magma", top),
    ):
        axis.imshow(values, cmap=colours, vmin=0, vmax=most)
        axis.set_title(title, fontsize=9)
        axis.set_axis_off()
    return figure


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--reference", type=Path, nargs="*", default=[])
    parser.add_argument("--gaps", type=int, default=24)
    parser.add_argument("--noise", choices=[*NOISES], default="clean")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("docs/images/error-in-gap.svg"))
    arguments = parser.parse_args()
    sources = ["phantom", *map(str, arguments.reference)]
    drawn_cases = [
        c for c in cases(arguments.gaps, sources, arguments.seed, [arguments.noise]) if not c.decoy
    ]
    found = [errors for case in drawn_cases if (errors := errors_of(case)) is not None]
    # The same file from the same figures.
    mpl.rcParams["svg.hashsalt"] = "error-in-gap"
    drawn(found, arguments.noise).savefig(arguments.out, metadata={"Date": None}, dpi=90)
    print(f"{len(found)} of {len(drawn_cases)} gaps are filled")


if __name__ == "__main__":
    main()
