"""Gaps filled by what zmorph adds to an affine, and how far they are from the truth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.zmorph.morph import Morph, Refined
from soct_core.zmorph.near_planes import near_side
from soct_core.zmorph.reference_slab import slab_size
from soct_core.zmorph.refinement import refinement
from soct_core.zmorph.sides import Side
from soct_core.zmorph.uncertainty import half_widths

NAN = float("nan")
NEAR_PLANES, FAR_PLANES = 14, 7
"""Read on each side, next to the gap and at the far end, as zmorph does by default."""
SSIM_PLANES = 10
"""About so many planes of a gap are compared: it costs as much as all the rest."""
Planes = tuple[NDArray[Any], NDArray[Any]]


WAYS = ("affine", "deformable", "sources", "all")


def ways(refined: Refined) -> dict[str, Refined]:
    """What is added to the affine: nothing, the displacement, the sources, all."""
    return {
        "affine": Refined(),
        "deformable": Refined(refined.displacement),
        "sources": replace(refined, displacement=None),
        "all": refined,
    }


@dataclass(frozen=True)
class Made:
    """The missing planes as zmorph would make them with all it has, whatever its gates say."""

    refined: Refined | None = None
    planes: NDArray[Any] | None = None
    """At interior depths, as `half_widths`, `psnr` and `ssim`."""
    boundary: NDArray[Any] | None = None
    half_widths: NDArray[Any] | None = None
    psnr: dict[str, float] = field(default_factory=lambda: dict.fromkeys(WAYS, NAN))
    """Of each of the `ways`."""
    ssim: dict[str, float] = field(default_factory=lambda: dict.fromkeys(WAYS, NAN))

    @classmethod
    def of(cls, gap: Planes, motion: Affine2D | None, truth: NDArray[Any], peak: float) -> Made:
        """Fill a gap between two slices by a motion that was found."""
        if motion is None:
            return cls()
        (before, after), count = gap, len(truth)
        settings = InterpolationSettings(alpha_sampling="interior")
        refined = refined_by(before, after, motion, settings, count)
        made = {}
        for name, way in ways(refined).items():
            morph = Morph(*sides(gap, way), motion, settings, way)
            made[name] = np.stack(list(morph.planes(count)))
        outer = Morph(*sides(gap, refined), motion, InterpolationSettings(), refined)
        return cls(
            refined,
            made["all"],
            np.stack(list(outer.planes(count))),
            np.stack(list(half_widths(morph, count))),
            {name: psnr(planes, truth, peak) for name, planes in made.items()},
            {name: ssim(planes, truth, peak) for name, planes in made.items()},
        )

    @property
    def min_jacobian(self) -> float:
        """Least change of area by the displacement."""
        found = None if self.refined is None else self.refined.displacement
        return 1.0 if found is None else found.min_jacobian


def sides(gap: Planes, refined: Refined) -> tuple[Side, Side]:
    """Both sides of a gap, as a morph reads them."""
    return Side(gap[0], refined.planes, above=True), Side(gap[1], refined.planes)


def refined_by(
    before: NDArray[Any], after: NDArray[Any], motion: Affine2D, settings: InterpolationSettings, count: int
) -> Refined:
    """What zmorph adds to a motion."""
    near = (
        near_side(before, NEAR_PLANES, FAR_PLANES, above=True),
        near_side(after, NEAR_PLANES, FAR_PLANES, above=False),
    )
    size = slab_size((near[0].planes, near[1].planes), settings.reference_slab_size)
    return refinement((before, after), near, motion, settings, (size, count))


UNKNOWN_SHARE = 0.3
"""Of the peak; a greater half width says that nothing is known."""
TISSUE_SHARE = 0.08
"""Of the peak; brighter is tissue."""
BEST_PX = 3.0
"""Sigma of what counts as local in the best interval that there could be."""


def interval_figures(made: Made, truth: NDArray[Any], peak: float) -> dict[str, float]:
    """How many voxels lie within their interval, of tissue, and how wide it is.

    Beside it a constant half width that holds as many voxels of the gap, and one that follows the errors
    themselves, local mean by local mean, as nobody can; what no side shows, and has an interval as wide as
    the intensities for it, is left out of all three.
    """
    if made.planes is None or made.half_widths is None:
        names = "coverage", "coverage_all", "sharpness", "sharpness_best", "mean_error"
        return dict.fromkeys(names, NAN)
    off = np.minimum(made.planes.astype(float), peak) - np.minimum(truth, peak)
    error = np.abs(off)
    # Intensities are whole numbers here.
    inside = error <= made.half_widths + 0.5
    tissue = truth > TISSUE_SHARE * peak
    known = made.half_widths < UNKNOWN_SHARE * peak
    constant, width, best = 0.0, 0.0, 0.0
    if known.any():
        share = inside[known].mean()
        constant = float(np.quantile(error[known], share))
        width = float(made.half_widths[known].mean())
        blurred = [cv2.GaussianBlur(plane, (0, 0), BEST_PX) for plane in off**2]
        local = np.sqrt(np.stack(blurred))[known]
        best = float(local.mean() * np.quantile(error[known] / np.maximum(local, 1e-9), share))
    bound = float(made.half_widths[tissue].mean()) if tissue.any() else 0.0
    return {
        "coverage": float(inside[tissue].mean()) if tissue.any() else NAN,
        "coverage_all": float(inside.mean()),
        "sharpness": width / constant if constant > 0 else NAN,
        "sharpness_best": best / constant if constant > 0 else NAN,
        "mean_error": abs(float(off[tissue].mean())) / bound if bound > 0 else NAN,
    }


def psnr(found: Any, truth: NDArray[Any], peak: float) -> float:
    """Peak signal-to-noise ratio in dB; bright outliers are clipped to the peak."""
    if found is None:
        return float("nan")
    error = np.minimum(np.asarray(found, dtype=float), peak) - np.minimum(truth, peak)
    return float(10 * np.log10(peak**2 / np.mean(error**2)))


def ssim(found: Any, truth: NDArray[Any], peak: float) -> float:
    """Mean structural similarity over planes."""
    if found is None:
        return float("nan")
    some = slice(None, None, max(1, len(truth) // SSIM_PLANES))
    clipped = np.minimum(np.asarray(found[some], dtype=float), peak)
    pairs = zip(clipped, np.minimum(truth[some], peak), strict=True)
    return float(np.mean([structural_similarity(a, b, data_range=peak) for a, b in pairs]))
