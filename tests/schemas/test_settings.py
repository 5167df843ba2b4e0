"""Settings: their defaults, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from schemas.settings import InterpolationSettings, PairwiseSettings, ReconstructSettings, StackSettings

INTERPOLATION_DEFAULTS = {
    "enabled": True,
    "method": "zmorph",
    "blend_method": "gaussian",
    # The contract lists MSE first; CC measured better and is meant.
    "registration_metric": "CC",
    "max_iterations": 1000,
    "overlap_search_window": 5,
    "min_overlap_correlation": 0.3,
    # The contract lists 3 and 0.1; what the noise asks, and a small brain in a wide view, measured better.
    "reference_slab_size": "auto",
    "min_foreground_fraction": 0.04,
    "min_ncc_improvement": 0.05,
    "alpha_sampling": "boundary",
    "preview": True,
}
PAIRWISE_DEFAULTS = {
    "moving_z_um": 40.0,
    "search_range_um": 100.0,
    "translation_warn_px": 30.0,
    "translation_error_px": 50.0,
    "rotation_warn_deg": 1.0,
    "rotation_error_deg": 2.0,
    "z_correlation_warn": 0.7,
    "z_correlation_error": 0.5,
    "confidence_warn": 0.4,
    "confidence_error": 0.3,
}
STACK_DEFAULTS = {"blend_depth_um": 50.0, "match_intensity": False, "z_refine": False, "pyramid_um": None}


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (InterpolationSettings, INTERPOLATION_DEFAULTS),
        (PairwiseSettings, PAIRWISE_DEFAULTS),
        (StackSettings, STACK_DEFAULTS),
        (ReconstructSettings, {"slicing_interval_um": 200.0, "usable_depth_um": None, "ngff_version": "0.5"}),
    ],
)
def test_defaults_are_those_of_the_contract(model: type[BaseModel], wanted: dict[str, Any]) -> None:
    values = model().model_dump()
    assert {name: values[name] for name in wanted} == wanted


def test_the_gates_of_section_6_are_settings() -> None:
    gates = {"max_rotation_deg", "max_scale", "max_shear", "max_shift_fraction", "aligned_displacement_px"}
    assert gates <= set(InterpolationSettings.model_fields)


@pytest.mark.parametrize(
    ("model", "name", "value", "wanted"),
    [
        (InterpolationSettings, "min_overlap_correlation", 1.01, "less than or equal to 1"),
        (InterpolationSettings, "min_overlap_correlation", -1.01, "greater than or equal to -1"),
        (InterpolationSettings, "min_ncc_improvement", -0.01, "greater than or equal to 0"),
        (InterpolationSettings, "min_foreground_fraction", 1.5, "less than or equal to 1"),
        (InterpolationSettings, "overlap_search_window", 0, "greater than or equal to 1"),
        (InterpolationSettings, "reference_slab_size", -3, "greater than or equal to 1"),
        (InterpolationSettings, "reference_slab_size", "deep", "'auto'"),
        (InterpolationSettings, "max_iterations", 0, "greater than or equal to 4"),
        (InterpolationSettings, "max_scale", 0.9, "greater than or equal to 1"),
        (InterpolationSettings, "max_rotation_deg", 91, "less than or equal to 90"),
        (InterpolationSettings, "method", "linear", "'zmorph', 'weighted' or 'average'"),
        (InterpolationSettings, "blend_method", "Gaussian", "'gaussian' or 'linear'"),
        (InterpolationSettings, "registration_metric", "SSD", "'CC', 'MSE' or 'MI'"),
        (InterpolationSettings, "alpha_sampling", "centre", "'boundary' or 'interior'"),
        (PairwiseSettings, "search_range_um", -1, "greater than or equal to 0"),
        (PairwiseSettings, "z_correlation_warn", 2, "less than or equal to 1"),
        (PairwiseSettings, "confidence_error", -0.1, "greater than or equal to 0"),
        (StackSettings, "blend_depth_um", -1, "greater than or equal to 0"),
        (StackSettings, "pyramid_um", [10, 0], "greater than 0"),
        (ReconstructSettings, "slicing_interval_um", 0, "greater than 0"),
        (ReconstructSettings, "usable_depth_um", -200, "greater than 0"),
        (ReconstructSettings, "ngff_version", "0.6", "'0.4' or '0.5'"),
    ],
)
def test_values_out_of_range_are_refused_with_name_value_and_range(
    model: type[BaseModel], name: str, value: object, wanted: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({name: value})
    (error,) = caught.value.errors()
    assert error["loc"][0] == name
    assert wanted in error["msg"]
    message = str(caught.value)
    assert name in message
    assert f"input_value={value!r}" in message or isinstance(value, list)


@pytest.mark.parametrize(
    ("model", "name", "value"),
    [
        (InterpolationSettings, "overlap_search_window", 2.5),
        (InterpolationSettings, "overlap_search_window", "many"),
        (InterpolationSettings, "overlap_search_window", None),
        (InterpolationSettings, "overlap_search_window", True),
        (InterpolationSettings, "min_ncc_improvement", [0.1]),
        (InterpolationSettings, "min_ncc_improvement", float("nan")),
        (InterpolationSettings, "min_ncc_improvement", True),
        (InterpolationSettings, "aligned_displacement_px", float("inf")),
        (InterpolationSettings, "enabled", "maybe"),
        (InterpolationSettings, "enabled", 2),
        (InterpolationSettings, "enabled", 1),
        (InterpolationSettings, "enabled", "yes"),
        (PairwiseSettings, "check_pairs", "true"),
        (StackSettings, "z_refine", 0.0),
        (InterpolationSettings, "method", 1),
        (ReconstructSettings, "interpolation", "zmorph"),
        (ReconstructSettings, "slicing_interval_um", "thick"),
        (StackSettings, "pyramid_um", 10),
    ],
)
def test_values_of_the_wrong_type_are_refused_with_their_name(
    model: type[BaseModel], name: str, value: object
) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate({name: value})
    assert caught.value.errors()[0]["loc"][0] == name


@pytest.mark.parametrize(
    "model", [InterpolationSettings, PairwiseSettings, StackSettings, ReconstructSettings]
)
def test_unknown_names_are_refused_with_their_name(model: type[BaseModel]) -> None:
    with pytest.raises(ValidationError, match="min_ncc_improvment"):
        model.model_validate({"min_ncc_improvment": 0.1})


def test_unknown_names_deep_within_are_refused_with_their_whole_place() -> None:
    with pytest.raises(ValidationError, match=r"interpolation\.min_ncc"):
        ReconstructSettings.model_validate({"interpolation": {"min_ncc": 0.1}})


@pytest.mark.parametrize(
    ("warn", "error"),
    [
        ({"translation_warn_px": 60.0}, "translation_warn_px"),
        ({"rotation_warn_deg": 3.0}, "rotation_warn_deg"),
        ({"z_correlation_warn": 0.4}, "z_correlation_warn"),
        ({"confidence_error": 0.6}, "confidence_warn"),
    ],
)
def test_a_warning_must_come_before_its_error(warn: dict[str, float], error: str) -> None:
    with pytest.raises(ValidationError, match=error):
        PairwiseSettings.model_validate(warn)


def test_settings_cannot_be_changed() -> None:
    settings = ReconstructSettings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.slicing_interval_um = 100.0  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        settings.interpolation.method = "average"  # type: ignore[misc]


def test_settings_survive_json() -> None:
    settings = ReconstructSettings(
        slicing_interval_um=207.3,
        usable_depth_um=310.7,
        interpolation=InterpolationSettings(method="weighted", min_ncc_improvement=0.1 + 0.2),
        pairwise=PairwiseSettings(translation_warn_um=12.5),
        stack=StackSettings(pyramid_um=(10.0, 25.0, 50.0, 100.0)),
    )
    again = ReconstructSettings.model_validate_json(settings.model_dump_json())
    assert again == settings
    assert again != ReconstructSettings()


@pytest.mark.parametrize(("given", "trusted"), [(None, 150.0), (150.0, 150.0), (320.0, 320.0)])
def test_slices_are_trusted_one_interval_deep_unless_told(given: float | None, trusted: float) -> None:
    settings = ReconstructSettings(slicing_interval_um=150.0, usable_depth_um=given)
    assert settings.trusted_depth_um == trusted


def test_forms_say_what_each_setting_means_and_its_bounds() -> None:
    schema = ReconstructSettings.model_json_schema()
    groups = [schema, *schema["$defs"].values()]
    fields = {
        name: field for group in groups for name, field in group["properties"].items() if "$ref" not in field
    }
    assert [name for name, field in fields.items() if not field.get("description")] == []
    assert fields["max_iterations"]["description"].endswith("refines. (at least 4, at most 100000)")
    assert fields["translation_warn_um"]["description"].endswith("(more than 0, at most 1000000)")
    assert fields["preview"]["description"] == "Write a PNG beside each interpolated slice."
    assert fields["max_iterations"]["title"] == "max_iterations"


def test_gaps_are_accepted_by_name_only() -> None:
    settings = ReconstructSettings(accept=(8, "09"))
    assert settings.accept == (8, 9)
    assert settings.interpolation_of(8).accepted_by_hand
    assert not settings.interpolation_of(7).accepted_by_hand
    with pytest.raises(ValidationError, match="accept names"):
        ReconstructSettings(interpolation=InterpolationSettings(accepted_by_hand=True))
