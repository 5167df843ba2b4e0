"""Cuts: which pairs bridge them, and the parts that are left where none does."""

from __future__ import annotations

import pytest

from soct_core.affine import Affine2D
from soct_core.stacking.cuts import cut_confidences, parts
from soct_core.stacking.poses import PairMotion, PairVerdict

IDS = [0, 1, 2, 4]
WHOLE = {(0, 1): 0.9, (1, 2): 0.8, (2, 4): 0.7}


def confidences(
    pairs: dict[tuple[int, int], float], kept: dict[tuple[int, int], float]
) -> dict[object, float]:
    motions = [PairMotion(*ids, Affine2D.identity(), weight, 50.0) for ids, weight in pairs.items()]
    verdicts = {ids: PairVerdict(weight, 0.0, weight > 0) for ids, weight in kept.items()}
    return dict(cut_confidences(IDS, motions, verdicts))


def test_every_cut_has_the_confidence_of_the_best_pair_across_it() -> None:
    assert confidences(WHOLE, WHOLE) == WHOLE
    # A check weighs little, but is believed as far as it is confident.
    assert confidences(WHOLE | {(1, 4): 0.95}, WHOLE | {(1, 4): 0.0095}) == WHOLE | {
        (1, 2): 0.95,
        (2, 4): 0.95,
    }


@pytest.mark.parametrize(
    ("lost", "numbers"),
    [({}, [1, 1, 1, 1]), ({(1, 2): 0.0}, [1, 1, 2, 2]), ({(0, 1): 0.0, (2, 4): 0.0}, [1, 2, 2, 3])],
)
def test_a_cut_without_a_trusted_pair_parts_the_volume(
    lost: dict[tuple[int, int], float], numbers: list[int]
) -> None:
    found = confidences(WHOLE, WHOLE | lost)
    assert [cut for cut, confidence in found.items() if confidence == 0] == list(lost)
    assert list(parts(IDS, {(f, m): found[f, m] for f, m in WHOLE}).values()) == numbers


def test_a_check_over_a_slice_that_supports_nothing_holds_the_volume_together() -> None:
    found = confidences(WHOLE | {(0, 2): 0.6}, {(0, 1): 0.0, (1, 2): 0.0, (0, 2): 0.006, (2, 4): 0.7})
    assert found == {(0, 1): 0.6, (1, 2): 0.6, (2, 4): 0.7}
