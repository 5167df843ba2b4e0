"""Quality of slices: its settings, what was measured, and what became of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.contract import Contract
from schemas.image_choice import ImageChoice
from schemas.settings import Fraction, Micrometres
from schemas.slice_id import SliceId

Aspect = Literal["likeness", "missing", "area", "intensity", "sharpness", "noise", "stripes", "saturation"]
Tolerance = Annotated[float, Field(strict=True, gt=0, le=100)]


class QualitySettings(Contract):
    """How slices are judged against their neighbours.

    A tolerance is the deviation at which an aspect alone halves the score.

    Parameters
    ----------
    **values
        By the names of the attributes below; what is left out has its default.

    Raises
    ------
    ValidationError
        If a name is unknown, or a value is out of range or of the wrong type.

    Examples
    --------
    >>> from schemas.quality import QualitySettings
    >>> QualitySettings(exclude_below=0.1).slicing_interval_um
    200.0
    """

    slicing_interval_um: Micrometres = 200.0
    """Thickness of one physical slice."""
    input: ImageChoice = ImageChoice()
    """Which image and channel is read of slices that hold several."""
    top_depth_um: Annotated[float, Field(strict=True, ge=0, le=1e4)] = 40.0
    """Depth of the topmost plane that is looked at: the first planes below a cut are noisy."""
    slab_um: Annotated[float, Field(strict=True, ge=0, le=1e4)] = 30.0
    """Planes averaged over this depth before they are compared with those of another slice."""
    min_tissue_fraction: Fraction = 0.01
    """Share of the plane below which there is no tissue to judge a slice by."""
    exclude_below: Fraction = 0.2
    """Score below which `--exclude` excludes a slice."""
    likeness_tolerance: Tolerance = 0.15
    """Of the share by which local likeness falls short of what slices around reach with each other."""
    missing_tolerance: Tolerance = 0.3
    """Of the same share, of the tissue that both slices show."""
    area_tolerance: Tolerance = 0.35
    """Of the difference of the tissue's area from the local trend, as a share of it."""
    intensity_tolerance: Tolerance = 0.4
    """Of the difference of the logarithm of the tissue's intensity from the local trend."""
    sharpness_tolerance: Tolerance = 0.35
    """Of the loss of fine detail against coarser detail (logarithm) from the local trend."""
    noise_tolerance: Tolerance = 0.7
    """Of the excess of fine detail over coarser detail (logarithm) above the local trend."""
    stripes_tolerance: Tolerance = 0.8
    """Of the excess of stripes (logarithm) above the local trend."""
    saturation_tolerance: Tolerance = 0.05
    """Of the share of tissue at the brightest value, above the local trend."""


class SliceFigures(Contract):
    """`slice_zNN_figures.json`: what is measured of one slice alone, the mean of the planes looked at."""

    slice_id: SliceId
    planes: tuple[int, ...]
    """Planes looked at, from the top."""
    tissue_fraction: Fraction
    """Share of the plane that is tissue."""
    log_intensity: float | None = None
    """Logarithm of the tissue's median intensity above the darkest hundredth; none without tissue."""
    sharpness: float | None = None
    """Logarithm of detail below 1 px over detail from 1 to 4 px, over tissue."""
    stripes: float | None = None
    """Logarithm of how much rows or columns differ as a whole, over the detail of single pixels."""
    saturated: float | None = None
    """Pixels at the brightest value, as a share of tissue."""


class PairFigures(Contract):
    """`slice_zFF_zMM_figures.json`: the lower face of one slice against the upper face of one below it."""

    upper_id: SliceId
    lower_id: SliceId
    likeness: Annotated[float, Field(ge=-1, le=1)]
    """Mean of local NCC over tissue of either slice, once registered; 0 where nothing can be compared."""
    overlap: Fraction
    """Share of the greater tissue that both show once registered."""
    rotation_deg: float | None = None
    """Of the rigid motion found; none where registration failed."""
    translation_px: float | None = None


class PairQuality(Contract):
    """`pair_quality.json`: what a registered pair says of the quality of its slices, beside its motion.

    Planes are those that registration compared; an assessment looks at more.
    """

    pair: PairFigures
    slices: tuple[SliceFigures, ...] = ()
    """Of the moving slice; of the fixed one too where no other pair measures it."""


class AspectFinding(Contract):
    """One aspect of a slice, and what it costs."""

    aspect: Aspect
    value: float
    """As measured; for likeness and missing, of the pair that decided."""
    expected: float
    """What the slices around lead one to expect."""
    deviation: Annotated[float, Field(ge=0)]
    """In the unit of the tolerance; 0 where the value is as good as expected, or better."""
    tolerance: float
    factor: Fraction
    """What it leaves of the score: 1 / (1 + (deviation / tolerance)^3)."""
    against: tuple[SliceId, ...] = ()
    """Slices that it was judged by."""


class SliceQuality(Contract):
    """`slice_zNN_quality.json`: how far a slice can be used, and what speaks against it."""

    slice_id: SliceId
    quality_score: Fraction | None = None
    """The product of all factors; none where there is no tissue, or no slice to judge by."""
    below_limit: bool = False
    """Whether the score is below `exclude_below`."""
    reasons: tuple[str, ...] = ()
    """What lowered the score to half or less, or why there is none, in words."""
    findings: tuple[AspectFinding, ...] = ()
    figures: SliceFigures
    pairs: tuple[PairFigures, ...] = ()
    """All pairs that the slice was compared in."""
    doubted: tuple[SliceId, ...] = ()
    """Slices around that were not believed, as nothing else fits them."""
    settings: QualitySettings
    versions: dict[str, str]
