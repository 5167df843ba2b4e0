"""Confidence falls with worse evidence and says why; the worst figure decides the status."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from schemas.settings import PairwiseSettings
from soct_core.pairwise.confidence import Evidence, confidence, status

GOOD = Evidence(
    pre_ncc=0.5,
    post_ncc=0.7,
    consistency_px=0.5,
    rotation_deg=0.3,
    translation_px=4.0,
    plane_px=400,
    tissue_fraction=0.4,
    overlap=0.9,
    pixel_um=10.0,
)


def trust(**changes: float) -> float:
    """Confidence in good evidence but for some figures."""
    evidence = Evidence(**(vars(GOOD) | changes))
    return confidence(evidence, PairwiseSettings())[0]


def test_confidence_spans_its_range() -> None:
    assert trust(post_ncc=0.95, consistency_px=0.0) == 1.0
    assert 0.6 < trust() < 1
    assert trust(post_ncc=0.2) == 0.0
    assert trust(post_ncc=-1.0) == 0.0


@pytest.mark.parametrize(
    ("figure", "worse"),
    [
        ("post_ncc", [0.79, 0.74, 0.7, 0.6, 0.5]),
        ("consistency_px", [0.0, 0.5, 1.0, 2.0, 4.0, 8.0]),
        ("pre_ncc", [0.6, 0.8]),
        ("tissue_fraction", [0.1, 0.019]),
        ("overlap", [0.8, 0.7, 0.6, 0.5]),
        ("rotation_deg", [19.9, 20.0]),
        ("rotation_deg", [-19.9, -20.0]),
        ("translation_px", [99.0, 100.0]),
    ],
)
def test_confidence_falls_with_worse_evidence(figure: str, worse: list[float]) -> None:
    found = [trust(**{figure: value}) for value in worse]
    assert found == sorted(set(found), reverse=True)
    assert len(found) == len(worse)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tissue_fraction": 0.0}, "tissue fills 0.0%"),
        ({"rotation_deg": 20.0}, "rotation 20.0 deg is at its bound"),
        ({"rotation_deg": -40.0}, "rotation -40.0 deg is at its bound"),
        ({"translation_px": 100.0}, "translation 100 px is at its bound"),
        ({"pre_ncc": 0.3, "post_ncc": 0.4}, "planes are unlike"),
        ({"pre_ncc": 0.8}, "NCC fell from 0.800 to 0.700"),
        ({"consistency_px": 5.0}, "forward and backward differ by 5.0 px"),
        ({"overlap": 0.6}, "only 60% of the tissue is in both"),
    ],
)
def test_what_speaks_against_a_pair_is_said(changes: dict[str, float], said: str) -> None:
    found, reasons = confidence(Evidence(**(vars(GOOD) | changes)), PairwiseSettings())
    assert [said in reason for reason in reasons] == [True]
    assert found == 0 or "bound" not in said


figures = st.fixed_dictionaries(
    {
        "pre_ncc": st.floats(-1, 1),
        "post_ncc": st.floats(-1, 1),
        "consistency_px": st.floats(0, 50),
        "rotation_deg": st.floats(-90, 90),
        "translation_px": st.floats(0, 500),
        "tissue_fraction": st.floats(0, 1),
        "overlap": st.floats(0, 1),
    }
)


@given(
    figures,
    st.sampled_from(
        ["post_ncc", "consistency_px", "rotation_deg", "translation_px", "tissue_fraction", "overlap"]
    ),
    st.floats(0, 1),
)
@examples(max_examples=200, deadline=None)
def test_no_evidence_gets_better_by_getting_worse(
    values: dict[str, float], figure: str, amount: float
) -> None:
    better, worse = values[figure], values[figure]
    if figure == "rotation_deg":
        worse = better * (1 + 3 * amount)
    elif figure in ("post_ncc", "tissue_fraction", "overlap"):
        worse = better - amount
    else:
        worse = better + 100 * amount
    before, after = trust(**values), trust(**(values | {figure: worse}))
    assert 0 <= after <= before <= 1


def judged(
    shift: float = 0.0,
    turn: float = 0.0,
    z: float = 0.9,
    trusted: float = 0.9,
    *,
    pixel_um: float = 10.0,
    cuts: int = 1,
    **values: Any,
) -> str:
    """The status of a pair's figures."""
    evidence = replace(GOOD, translation_px=shift, rotation_deg=turn, pixel_um=pixel_um)
    return status(evidence, z, trusted, cuts, PairwiseSettings.model_validate(values))[0]


@pytest.mark.parametrize(
    ("figures", "wanted"),
    [
        ({}, "ok"),
        ({"shift": 30.0}, "ok"),
        ({"shift": 30.1}, "warning"),
        ({"shift": 50.0}, "warning"),
        ({"shift": 50.1}, "error"),
        ({"turn": 1.0}, "ok"),
        ({"turn": 1.01}, "warning"),
        ({"turn": -1.01}, "warning"),
        ({"turn": 2.01}, "error"),
        ({"turn": -2.01}, "error"),
        ({"z": 0.7}, "ok"),
        ({"z": 0.69}, "warning"),
        ({"z": 0.5}, "warning"),
        ({"z": 0.49}, "error"),
        ({"trusted": 0.4}, "ok"),
        ({"trusted": 0.39}, "warning"),
        ({"trusted": 0.3}, "warning"),
        ({"trusted": 0.29}, "error"),
        ({"shift": 31.0, "trusted": 0.1}, "error"),
        ({"shift": 60.0, "turn": 1.5}, "error"),
        # In µm instead: 5 px of 10 µm.
        ({"shift": 5.1, "translation_warn_um": 50.0}, "warning"),
        ({"shift": 4.9, "translation_warn_um": 50.0}, "ok"),
        ({"shift": 5.1, "translation_error_um": 50.0}, "error"),
        ({"shift": 60.0, "translation_warn_um": 700.0, "translation_error_um": 800.0}, "ok"),
        ({"shift": 5.1, "translation_warn_um": 50.0, "pixel_um": 2.0}, "ok"),
        ({"shift": 25.1, "translation_warn_um": 50.0, "pixel_um": 2.0}, "warning"),
        # Across two cuts a pair may move twice as far.
        ({"shift": 59.0, "turn": 1.9, "cuts": 2}, "ok"),
        ({"shift": 61.0, "cuts": 2}, "warning"),
        ({"shift": 101.0, "cuts": 2}, "error"),
        ({"shift": 99.0, "cuts": 2}, "warning"),
        ({"turn": -3.9, "cuts": 2}, "warning"),
        ({"turn": -4.1, "cuts": 2}, "error"),
        # And lose likeness with its anatomy, but not the trust in it.
        ({"z": 0.3, "cuts": 2}, "warning"),
        ({"trusted": 0.2, "cuts": 2}, "error"),
    ],
)
def test_the_worst_figure_decides_the_status(figures: dict[str, Any], wanted: str) -> None:
    assert judged(**figures) == wanted


def test_every_threshold_passed_is_said() -> None:
    evidence = replace(GOOD, translation_px=60.0, rotation_deg=-1.5)
    state, reasons = status(evidence, 0.4, 0.35, 1, PairwiseSettings())
    assert state == "error"
    assert reasons == (
        "translation 60.0 px is beyond 50",
        "rotation 1.50 deg is beyond 1",
        "z correlation 0.40 is below 0.5",
        "confidence 0.35 is below 0.4",
    )


BEYOND = replace(GOOD, pre_ncc=0.4, post_ncc=0.9, rotation_deg=8.0, disagreement_px=0.1)


def test_a_motion_beyond_its_limit_is_believed_where_all_evidence_agrees() -> None:
    state, reasons = status(BEYOND, 0.9, 1.0, 1, PairwiseSettings())
    assert state == "warning"
    assert reasons == ("rotation 8.00 deg is beyond 2, but all evidence agrees on it",)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"consistency_px": 1.5}, 1.0),
        ({"disagreement_px": 1.5}, 1.0),
        ({"disagreement_px": None}, 1.0),
        ({"pre_ncc": 0.85}, 1.0),
        ({}, 0.7),
    ],
)
def test_one_doubt_is_enough_against_a_motion_beyond_its_limit(changes: dict[str, Any], found: float) -> None:
    state, _ = status(replace(BEYOND, **changes), 0.9, found, 1, PairwiseSettings())
    assert state == "error"


def test_belief_in_the_motion_excuses_no_other_figure() -> None:
    state, reasons = status(BEYOND, 0.2, 1.0, 1, PairwiseSettings())
    assert state == "error"
    assert any("z correlation" in reason for reason in reasons)
