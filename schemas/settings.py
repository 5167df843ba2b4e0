"""Settings of a reconstruction, each with its range, unit and reason."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from schemas.contract import Contract
from schemas.image_choice import ImageChoice
from schemas.orientation import Orientation
from schemas.slice_id import SliceId, parse_slice_id

Method = Literal["zmorph", "weighted", "average"]
BlendMethod = Literal["gaussian", "linear"]
RegistrationMetric = Literal["CC", "MSE", "MI"]
RegistrationEngine = Literal["ecc_elastix", "elastix", "ecc"]
# Told apart first, so that a wrong number is one error and not one for each kind.
SlabSize = Annotated[
    Annotated[int, Field(strict=True, ge=1, le=1000), Tag("planes")]
    | Annotated[Literal["auto"], Tag("auto")],
    Discriminator(lambda value: "auto" if isinstance(value, str) else "planes"),
]
SourceSlab = Annotated[
    Annotated[float, Field(strict=True, ge=0, le=1e6), Tag("um")] | Annotated[Literal["auto"], Tag("auto")],
    Discriminator(lambda value: "auto" if isinstance(value, str) else "um"),
]
Deformation = Literal["deformable", "affine"]
AlphaSampling = Literal["boundary", "interior"]
PoseFrom = Literal["registration", "stage", "rotation", "translation"]


def _pose_from(value: object) -> object:
    """One error for what is neither one source for all slices nor sources by slice id."""
    words = get_args(PoseFrom)
    for word in value.values() if isinstance(value, Mapping) else [value]:
        if word not in words:
            raise ValueError(f"one of {', '.join(words)}, for all slices or by slice id")
    if isinstance(value, Mapping) and len({parse_slice_id(key) for key in value}) < len(value):
        raise ValueError("each slice once")
    return value


def _even(value: tuple[int, int, int]) -> tuple[int, int, int]:
    """A pyramid level is made of pairs of voxels, which no chunk may part."""
    if any(n % 2 for n in value):
        raise ValueError("even numbers of voxels")
    return value


_Side = Annotated[int, Field(strict=True, ge=2, le=8192)]
Chunks = Annotated[tuple[_Side, _Side, _Side], AfterValidator(_even)]
Shards = Annotated[
    Annotated[Chunks, Tag("voxels")] | Annotated[Literal["auto", "none"], Tag("word")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "voxels"),
]
PoseFromBySlice = Annotated[PoseFrom | dict[SliceId, PoseFrom], BeforeValidator(_pose_from)]
# TOML and the command line read 0.4 as a number.
NgffVersion = Annotated[Literal["0.4", "0.5"], BeforeValidator(lambda v: str(v) if v in (0.4, 0.5) else v)]

Switch = Annotated[bool, Field(strict=True)]
Fraction = Annotated[float, Field(strict=True, ge=0, le=1)]
Correlation = Annotated[float, Field(strict=True, ge=-1, le=1)]
Micrometres = Annotated[float, Field(strict=True, gt=0, le=1e6)]
Pixels = Annotated[float, Field(strict=True, ge=0, le=1e5)]
Degrees = Annotated[float, Field(strict=True, ge=0, le=90)]
Iterations = Annotated[int, Field(strict=True, ge=4, le=100_000)]


class InterpolationSettings(Contract):
    """How single missing slices are interpolated, and when they are given up.

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
    >>> from pydantic import ValidationError
    >>> from schemas.settings import InterpolationSettings
    >>> InterpolationSettings(alpha_sampling="interior").min_tissue_overlap
    0.7
    >>> try:
    ...     InterpolationSettings(max_scale=3.0)
    ... except ValidationError as error:
    ...     print(error.errors()[0]["loc"], error.errors()[0]["msg"])
    ('max_scale',) Input should be less than or equal to 2
    """

    enabled: Switch = True
    """Interpolate single gaps; when false they stay gaps."""
    method: Method = "zmorph"
    """The scientific method, or a baseline that is used only when named here."""
    blend_method: BlendMethod = "gaussian"
    """gaussian feathers where only one side has tissue; linear does not."""
    registration_engine: RegistrationEngine = "ecc_elastix"
    """ecc_elastix: found by ECC, refined by elastix where that is better; elastix or ecc: one alone."""
    registration_metric: RegistrationMetric = "CC"
    """Similarity that elastix maximises: normalised correlation (CC), mean squares (MSE) or
    mutual information (MI). CC measured best on real planes."""
    max_iterations: Iterations = 1000
    """Steps of elastix in all, shared evenly by its pyramid levels; a tenth of them where it refines."""
    overlap_search_window: Annotated[int, Field(strict=True, ge=1, le=1000)] = 5
    """Planes searched on each side of the gap for the boundary plane pair."""
    min_overlap_correlation: Correlation = 0.3
    """Lowest NCC of the boundary plane pair that is worth registering."""
    reference_slab_size: SlabSize = "auto"
    """Planes next to the gap that are averaged on each side before registration; auto: as many as the noise
    asks, 1 where there is none."""
    min_foreground_fraction: Fraction = 0.04
    """Least share of a boundary plane that must be tissue. A small brain in a wide view fills a twentieth."""
    min_ncc_improvement: Fraction = 0.05
    """Least gain in NCC that registration must bring when it moves tissue. Less is asked in proportion
    where the NCC is above 0.5 already; a motion within `aligned_displacement_px` that gains less than
    twice as much is not made at all."""
    alpha_sampling: AlphaSampling = "boundary"
    """boundary repeats the two boundary planes; interior samples strictly between them."""
    deformation: Deformation = "deformable"
    """deformable: on top of the affine a smooth displacement, only where it makes the two sides more alike;
    affine: the affine alone."""
    source_slab: SourceSlab = "auto"
    """Depth in µm of the planes that are averaged into the source of the inner planes, on each side; auto: by
    the noise, one plane where there is none; 0: one plane. The two faces of the gap stay as imaged."""
    uncertainty: Switch = True
    """Write beside each interpolated slice half the width of the 90 % interval of its voxels."""
    preview: Switch = True
    """Write a PNG beside each interpolated slice."""
    max_rotation_deg: Degrees = 10.0
    """Largest plausible rotation across one missing slice, in degrees."""
    max_scale: Annotated[float, Field(strict=True, ge=1, le=2)] = 1.15
    """Largest plausible stretch; its inverse is the smallest."""
    max_shear: Fraction = 0.12
    """Largest plausible shear (tangent of the shear angle). Foreign planes are often bent into likeness by
    more; gaps worth filling seldom ask for as much."""
    max_shift_fraction: Fraction = 0.15
    """Largest plausible shift of the tissue, as a share of the plane's longer side."""
    min_post_correlation: Correlation = 0.1
    """Lowest NCC of the slabs after registration. What an NCC means depends on tissue and noise: 99 of 100
    gaps worth filling reach this one. `min_neighbour_odds` is what tells neighbours from others."""
    min_neighbour_odds: Annotated[float, Field(strict=True, ge=-50, le=50)] = 1.4
    """Least evidence, in log odds, that the two sides are neighbours: whether they are more alike than a
    mirror image and than planes further off, whether there and back agree, how much tissue both show. Chosen
    for few accepted decoys rather than many filled gaps."""
    max_mirror_margin: Annotated[float, Field(strict=True, ge=0, le=10)] = 0.15
    """How much better than the plane itself its mirror image may fit, in Fisher's transform of the NCC.
    Chosen so that next to no gap worth filling exceeds it."""
    min_tissue_overlap: Fraction = 0.7
    """Least share of the greater tissue that both slabs show once moved. Gaps worth filling reach
    0.75 and more, a plane half out of view 0.5."""
    aligned_displacement_px: Pixels = 2.0
    """RMS displacement over tissue up to which a pair counts as already aligned, in pixels."""
    accepted_by_hand: Switch = False
    """A person has looked at this gap and judged it fine: it is filled although gates fail, where there is a
    motion to fill it with. For one gap at a time; a reconstruction has `accept` for it."""


class PairwiseSettings(Contract):
    """How neighbouring slices are registered, and when a pair is suspect.

    Parameters
    ----------
    **values
        By the names of the attributes below; what is left out has its default.

    Raises
    ------
    ValidationError
        If a name is unknown, a value is out of range or of the wrong type, or a warning would come
        only after its error.

    Examples
    --------
    >>> from schemas.settings import PairwiseSettings
    >>> settings = PairwiseSettings(rotation_warn_deg=2.0, rotation_error_deg=4.0)
    >>> settings.rotation_error_deg, settings.search_range_um
    (4.0, 100.0)
    """

    check_pairs: Switch = True
    """Register second neighbours too: they show which pair is wrong where two pairs disagree."""
    moving_z_um: Annotated[float, Field(strict=True, ge=0, le=1e4)] = 40.0
    """Depth of the moving plane: the first planes below a cut are noisy."""
    search_range_um: Annotated[float, Field(strict=True, ge=0, le=1e4)] = 100.0
    """Half-width of the search for the matching depth in the fixed slice."""
    anatomy_span_um: Annotated[float, Field(strict=True, ge=0, le=1e4)] = 150.0
    """Depth over which the motion of anatomy is measured within a slice; 0: not measured."""
    registration_engine: RegistrationEngine = "ecc_elastix"
    """ecc_elastix: found by ECC, refined by elastix where that is better; elastix or ecc: one alone."""
    registration_metric: RegistrationMetric = "CC"
    """Similarity that elastix maximises."""
    max_iterations: Iterations = 1000
    """Steps of elastix in all, shared evenly by its pyramid levels; a tenth of them where it refines."""
    max_rotation_deg: Degrees = 20.0
    """Rotation at which a result counts as having hit its bound."""
    max_shift_fraction: Fraction = 0.25
    """Shift, as a share of the plane's longer side, at which a result has hit its bound."""
    min_foreground_fraction: Fraction = 0.02
    """Least share of tissue that a pair needs to say anything about motion."""
    translation_warn_px: Pixels = 30.0
    """Shift above which a pair gets a warning, in pixels a cut: over two cuts it may be twice that."""
    translation_error_px: Pixels = 50.0
    """Shift above which a pair is unreliable, in pixels a cut, unless all other evidence agrees on it."""
    translation_warn_um: Micrometres | None = None
    """As `translation_warn_px`, in µm a cut; counts instead of it when given."""
    translation_error_um: Micrometres | None = None
    """As `translation_error_px`, in µm a cut; counts instead of it when given."""
    rotation_warn_deg: Degrees = 1.0
    """Rotation above which a pair gets a warning, in degrees a cut."""
    rotation_error_deg: Degrees = 2.0
    """Rotation above which a pair is unreliable, in degrees a cut, unless all other evidence agrees on it."""
    z_correlation_warn: Correlation = 0.7
    """NCC of the z match below which a pair gets a warning."""
    z_correlation_error: Correlation = 0.5
    """NCC of the z match below which a pair of direct neighbours is unreliable; others get a warning."""
    confidence_warn: Fraction = 0.4
    """Confidence below which a pair gets a warning."""
    confidence_error: Fraction = 0.3
    """Confidence below which a pair is unreliable."""

    @model_validator(mode="after")
    def _warn_comes_before_error(self) -> Self:
        ordered = (
            ("translation_warn_px", self.translation_warn_px, self.translation_error_px),
            ("translation_warn_um", self.translation_warn_um or 0.0, self.translation_error_um or math.inf),
            ("rotation_warn_deg", self.rotation_warn_deg, self.rotation_error_deg),
            ("z_correlation_warn", -self.z_correlation_warn, -self.z_correlation_error),
            ("confidence_warn", -self.confidence_warn, -self.confidence_error),
        )
        for name, warn, error in ordered:
            if warn > error:
                raise ValueError(f"{name} must be reached before its error threshold")
        return self


class StackSettings(Contract):
    """How slices become one volume.

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
    >>> from schemas.settings import StackSettings
    >>> StackSettings(pyramid_um=(25.0, 50.0), z_refine=True).blend_depth_um
    50.0
    """

    blend_depth_um: Annotated[float, Field(strict=True, ge=0, le=1e4)] = 50.0
    """Depth of the Hann ramp from one measured slice to the next, below the boundary."""
    match_intensity: Switch = False
    """Scale each slice by a factor from 0.5 to 2, so that tissue is as bright above a cut as below. A
    gradient of anatomy stays, and so does what all slices have in common, such as attenuation."""
    z_refine: Switch = False
    """Correct the nominal z by the z matches, within the search range."""
    pyramid_um: tuple[Micrometres, ...] | None = None
    """Voxel sizes of the pyramid; by default halved down to about 100 pixels."""
    subtract_anatomy: Switch = True
    """Take the motion of anatomy, as measured within slices, off what pairs found across cuts."""
    pose_from: PoseFromBySlice = "registration"
    """Where poses come from, for all slices or by slice id (`--set stack.pose_from.07=stage`).
    registration: rotation and shift from pairs. stage: left where the stage put it; its pairs place no slice.
    rotation, translation: only that from pairs, the other as the stage has it."""
    chunks: Chunks = (16, 256, 256)
    """Voxels, (z, y, x), that are packed as one and read as one; even numbers. Flat ones show planes faster,
    cubes show all directions alike."""
    shards: Shards = "auto"
    """Voxels that share a file: whole numbers of chunks; none: each chunk has its own. auto: 1 x 4 x 4 chunks
    where a plane has more than 64 of them, none below. Only in NGFF 0.5."""
    prior_weight: Annotated[float, Field(strict=True, gt=0, le=1)] = 1e-4
    """Weight of the prior pose of a slice against a pair of confidence 1."""
    aligned_below_px: Pixels = 0.5
    """When no slice would move by more (RMS over tissue), the slices are aligned already: they
    stay where they are, and no voxel is resampled."""
    robust_scale_px: Annotated[float, Field(strict=True, gt=0, le=1e4)] = 3.0
    """Disagreement of a pair with all others at which it starts to lose weight, in pixels."""

    @model_validator(mode="after")
    def _shards_hold_whole_chunks(self) -> Self:
        shards = self.chunks if isinstance(self.shards, str) else self.shards
        if any(shard % chunk for shard, chunk in zip(shards, self.chunks, strict=True)):
            raise ValueError(f"shards of {shards}, wanted whole numbers of chunks of {self.chunks}")
        return self

    def pose_from_of(self, slice_id: int) -> PoseFrom:
        """Where the pose of a slice comes from."""
        if isinstance(self.pose_from, str):
            return self.pose_from
        return self.pose_from.get(slice_id, "registration")

    @property
    def slices_with_pose_from(self) -> set[int]:
        """Slices that `pose_from` names."""
        return set() if isinstance(self.pose_from, str) else set(self.pose_from)


class StackRecipe(Contract):
    """Just the settings that a stack depends on."""

    slicing_interval_um: Micrometres
    trusted_depth_um: Micrometres
    ngff_version: NgffVersion
    alpha_sampling: AlphaSampling
    z_bound_um: Annotated[float, Field(strict=True, ge=0)]
    """Largest correction of a slice's z."""
    orientation: Orientation | None = None
    """To which side of the animal z, y and x run."""
    stack: StackSettings


class ReconstructSettings(Contract):
    """All settings of one reconstruction.

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
    >>> from schemas.settings import InterpolationSettings, ReconstructSettings
    >>> settings = ReconstructSettings(
    ...     slicing_interval_um=150.0, interpolation=InterpolationSettings(min_ncc_improvement=0.02)
    ... )
    >>> settings.trusted_depth_um, settings.interpolation.min_ncc_improvement
    (150.0, 0.02)
    >>> ReconstructSettings.model_validate_json(settings.model_dump_json()) == settings
    True
    """

    slicing_interval_um: Micrometres = 200.0
    """Thickness of one physical slice."""
    usable_depth_um: Micrometres | None = None
    """How deep a slice is trusted in the volume; by default one interval."""
    ngff_version: NgffVersion = "0.5"
    """Version of OME-Zarr that is written."""
    accept: tuple[SliceId, ...] = ()
    """Gaps that a person has looked at and judged fine: filled although gates fail, and recorded as such."""
    orientation: Orientation | None = None
    """To which side of the animal z, y and x run, such as PIR; None where it is not known."""
    input: ImageChoice = ImageChoice()
    """Which image and channel is read of slices that hold several."""
    interpolation: InterpolationSettings = InterpolationSettings()
    """How single missing slices are interpolated, and when they are given up."""
    pairwise: PairwiseSettings = PairwiseSettings()
    """How neighbouring slices are registered, and when a pair is suspect."""
    stack: StackSettings = StackSettings()
    """How slices become one volume."""

    @model_validator(mode="after")
    def _accepts_by_name(self) -> Self:
        if self.interpolation.accepted_by_hand:
            raise ValueError("no interpolation.accepted_by_hand for all gaps: accept names those looked at")
        return self

    def interpolation_of(self, slice_id: int) -> InterpolationSettings:
        """The settings of one gap."""
        if slice_id not in self.accept:
            return self.interpolation
        return self.interpolation.model_copy(update={"accepted_by_hand": True})

    def _old_files_hold_one_chunk(self) -> Self:
        if self.ngff_version == "0.4" and not isinstance(self.stack.shards, str):
            raise ValueError("stack.shards of NGFF 0.4, wanted ngff_version 0.5: older files hold one chunk")
        return self

    @property
    def trusted_depth_um(self) -> float:
        """Depth to which a slice's data are trusted in the volume, in µm."""
        return self.usable_depth_um or self.slicing_interval_um

    @property
    def stack_recipe(self) -> StackRecipe:
        """The part of the settings that the stack depends on."""
        return StackRecipe(
            slicing_interval_um=self.slicing_interval_um,
            trusted_depth_um=self.trusted_depth_um,
            ngff_version=self.ngff_version,
            alpha_sampling=self.interpolation.alpha_sampling,
            z_bound_um=self.pairwise.search_range_um if self.stack.z_refine else 0.0,
            orientation=self.orientation,
            stack=self.stack,
        )
