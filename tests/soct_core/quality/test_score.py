"""Scores: each aspect lowers them alone, the more the worse; bad slices cost their neighbours nothing."""

from __future__ import annotations

import pytest
from assessed_slices import NOTHING, acquisition, good, judged
from hypothesis import given
from hypothesis import strategies as st

from schemas.quality import QualitySettings, SliceQuality
from soct_core.quality.score import NO_TISSUE, TOO_FEW, factor

IDS = tuple(range(12))
DEFECTS = [
    ("intensity", {"log_intensity": 4.5}, "times as bright as expected"),
    ("intensity", {"log_intensity": 7.4}, "times as bright as expected"),
    ("sharpness", {"sharpness": -2.1}, "blurred"),
    ("noise", {"sharpness": 0.8}, "noisy"),
    ("stripes", {"stripes": 0.6}, "striped"),
    ("saturation", {"saturated": 0.2}, "saturated"),
    ("area", {"tissue_fraction": 0.05}, "tissue fills 5.0%"),
]


def scores(found: dict[int, SliceQuality]) -> dict[int, float]:
    return {i: -1.0 if q.quality_score is None else q.quality_score for i, q in found.items()}


def test_good_slices_are_good_the_first_and_the_last_too() -> None:
    found = scores(judged(*acquisition(IDS)))
    assert min(found.values()) > 0.95


@pytest.mark.parametrize("slice_id", [0, 1, 5, 11])
@pytest.mark.parametrize(("aspect", "changed", "words"), DEFECTS)
def test_each_aspect_lowers_the_score_of_its_slice_alone(
    slice_id: int, aspect: str, changed: dict[str, float], words: str
) -> None:
    found = judged(*acquisition(IDS, slices={slice_id: changed}))
    assert [i for i, score in scores(found).items() if score < 0.9] == [slice_id]
    # At an end a trend is known from one side only, and weighs less.
    assert scores(found)[slice_id] < (0.65 if slice_id in (0, 11) else 0.2)
    assert words in (found[slice_id].reasons or (words,))[0]
    worst = min(found[slice_id].findings, key=lambda finding: finding.factor)
    assert worst.aspect == aspect


@pytest.mark.parametrize("slice_id", [0, 5, 11])
def test_a_slice_unlike_all_others_is_alone_in_it(slice_id: int) -> None:
    found = judged(*acquisition(IDS, pairs={slice_id: 0.2}))
    assert [i for i, score in scores(found).items() if score < 0.9] == [slice_id]
    assert "unlike slice" in found[slice_id].reasons[0]
    near = found[1 if slice_id == 0 else slice_id - 1]
    assert near.doubted == (slice_id,)


@pytest.mark.parametrize("bad", [(4, 5), (3, 5), (0, 1), (10, 11), (2, 5, 8)])
def test_several_bad_slices_cost_the_others_nothing(bad: tuple[int, ...]) -> None:
    found = judged(*acquisition(IDS, pairs=dict.fromkeys(bad, 0.2)))
    assert [i for i, score in scores(found).items() if score < 0.5] == list(bad)


def test_two_dimmed_slices_do_not_excuse_each_other() -> None:
    found = scores(judged(*acquisition(IDS, slices={i: {"log_intensity": 4.6} for i in (5, 6)})))
    assert [i for i, score in found.items() if score < 0.5] == [5, 6]


@given(st.floats(0, 3), st.floats(0, 3))
def test_a_greater_deviation_never_scores_higher(a: float, b: float) -> None:
    low, high = sorted((a, b))
    assert factor(high, 0.4) <= factor(low, 0.4) <= 1


def test_more_of_a_defect_scores_lower() -> None:
    found = [
        scores(judged(*acquisition(IDS, slices={5: {"sharpness": -1.2 - worse}})))[5]
        for worse in (0.0, 0.2, 0.4, 0.8)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.95
    assert found[-1] < 0.15


def test_a_gap_between_slices_costs_them_nothing() -> None:
    found = scores(judged(*acquisition((0, 1, 2, 3, 6, 7, 9, 10))))
    assert min(found.values()) > 0.9


@pytest.mark.parametrize("blank", [(11,), (10, 11), (0, 1)])
def test_blank_ends_are_not_judged(blank: tuple[int, ...]) -> None:
    found = judged(*acquisition(IDS, dict.fromkeys(blank, NOTHING), dict.fromkeys(blank, 0.0)))
    assert [i for i, quality in found.items() if quality.quality_score is None] == list(blank)
    assert all(found[i].reasons == (NO_TISSUE,) and not found[i].below_limit for i in blank)
    assert min(score for i, score in scores(found).items() if i not in blank) > 0.9


def test_a_blank_slice_amid_tissue_is_bad() -> None:
    found = judged(*acquisition(IDS, {5: NOTHING}, {5: 0.0}))
    assert found[5].quality_score == 0
    assert found[5].below_limit


@pytest.mark.parametrize("ids", [(3,), (3, 4), (3, 9)])
def test_too_few_slices_are_not_judged(ids: tuple[int, ...]) -> None:
    found = judged(*acquisition(ids))
    assert {quality.quality_score for quality in found.values()} == {None}
    assert {quality.reasons for quality in found.values()} == {(TOO_FEW,)}


def test_tolerance_is_where_an_aspect_halves_the_score() -> None:
    figures, pairs = acquisition(IDS)
    figures[5] = good(5, log_intensity=figures[5].log_intensity + 0.4)
    assert judged(figures, pairs)[5].quality_score == pytest.approx(0.5, abs=0.06)
    lax = judged(figures, pairs, QualitySettings(intensity_tolerance=2.0))
    assert (lax[5].quality_score or 0) > 0.95


def test_the_limit_is_a_setting() -> None:
    figures, pairs = acquisition(IDS, slices={5: {"log_intensity": 5.4}})
    assert not judged(figures, pairs)[5].below_limit
    assert judged(figures, pairs, QualitySettings(exclude_below=0.9))[5].below_limit


def test_a_document_comes_back_as_it_was() -> None:
    quality = judged(*acquisition(IDS, pairs={5: 0.2}))[5]
    assert SliceQuality.model_validate_json(quality.model_dump_json()) == quality
