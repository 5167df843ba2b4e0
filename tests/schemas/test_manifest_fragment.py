"""The manifest fragment: one slice, one outcome."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.diagnostics import InterpolationDiagnostics
from schemas.manifest_fragment import FRAGMENT_COLUMNS, ManifestFragment
from schemas.settings import InterpolationSettings

SUCCESS = {"interpolated": True, "interpolation_failed": False, "interpolation_method_used": "zmorph"}
FAILURE = {
    "interpolated": False,
    "interpolation_failed": True,
    "interpolation_fallback_reason": "low_overlap_ncc",
}


@pytest.mark.parametrize(
    ("interpolated", "failed", "method", "reason"),
    list(product((True, False), (True, False), (None, "zmorph"), (None, "low_overlap_ncc"))),
)
def test_of_all_combinations_only_the_two_outcomes_pass(
    interpolated: bool, failed: bool, method: str | None, reason: str | None
) -> None:
    cells = {
        "slice_id": 7,
        "interpolated": interpolated,
        "interpolation_failed": failed,
        "interpolation_method_used": method,
        "interpolation_fallback_reason": reason,
    }
    outcomes = {(True, False, "zmorph", None), (False, True, None, "low_overlap_ncc")}
    if (interpolated, failed, method, reason) in outcomes:
        assert ManifestFragment.model_validate(cells).model_dump() == cells
    else:
        with pytest.raises(ValidationError):
            ManifestFragment.model_validate(cells)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interpolation_failed": True}, "exactly one of"),
        ({"interpolation_method_used": None}, "interpolation_method_used must be given on success"),
        ({"interpolation_fallback_reason": "low_overlap_ncc"}, "interpolation_fallback_reason must be given"),
        ({"interpolation_method_used": "copy"}, "'zmorph', 'weighted' or 'average'"),
        ({"slice_id": "7.5"}, "slice id '7.5'"),
        ({"slice_id": True}, "slice id True"),
        ({"ncc": 0.4}, "ncc"),
    ],
)
def test_contradictions_are_refused_with_what_is_wrong(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ManifestFragment.model_validate({"slice_id": 7, **SUCCESS, **change})


@pytest.mark.parametrize("method", ["zmorph", "weighted", "average"])
def test_every_method_can_succeed(method: str) -> None:
    fragment = ManifestFragment.model_validate(
        {"slice_id": 7, **SUCCESS, "interpolation_method_used": method}
    )
    assert fragment.interpolation_method_used == method


@pytest.mark.parametrize(
    "reason",
    [
        "no_foreground_planes",
        "low_overlap_ncc",
        "registration_exception",
        "affine_determinant_non_positive",
        "implausible_affine",
        "reg_did_not_improve",
    ],
)
def test_every_reason_of_the_contract_can_fail_a_slice(reason: str) -> None:
    fragment = ManifestFragment.model_validate(
        {"slice_id": 7, **FAILURE, "interpolation_fallback_reason": reason}
    )
    assert fragment.interpolation_fallback_reason == reason


@pytest.mark.parametrize("spelling", [7, "7", "07", "7.0", 7.0])
def test_the_id_is_a_number_however_it_was_spelt(spelling: object) -> None:
    assert ManifestFragment.model_validate({"slice_id": spelling, **SUCCESS}).slice_id == 7


def test_the_fragment_says_what_the_diagnostics_say() -> None:
    shared = {"method": "zmorph", "settings": InterpolationSettings(), "versions": {}, "seconds": 0.1}
    won = InterpolationDiagnostics.model_validate(
        {**shared, "method_used": "zmorph", "interpolation_failed": False}
    )
    lost = InterpolationDiagnostics.model_validate(
        {**shared, "interpolation_failed": True, "fallback_reason": "implausible_affine"}
    )
    assert ManifestFragment.from_diagnostics(won, 7) == ManifestFragment.model_validate(
        {"slice_id": 7, **SUCCESS}
    )
    assert ManifestFragment.from_diagnostics(lost, 112) == ManifestFragment.model_validate(
        {"slice_id": 112, **FAILURE, "interpolation_fallback_reason": "implausible_affine"}
    )


def test_the_fields_are_the_columns_of_the_file() -> None:
    assert tuple(ManifestFragment.model_fields) == FRAGMENT_COLUMNS
