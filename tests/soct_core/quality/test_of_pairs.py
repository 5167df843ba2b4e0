"""Quality from the pairs of a run: spoiled slices and unlike cuts, and nothing of good ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from schemas.quality import PairFigures, PairQuality, QualitySettings, SliceFigures
from soct_core.affine import Affine2D, plane_center
from soct_core.quality.of_pairs import pair_quality, spoiled_slices, unlike_cuts
from soct_core.registration.working_plane import registration_plane

IDS = range(8)


def figures(slice_id: int, **values: float) -> SliceFigures:
    good = {
        "tissue_fraction": 0.3,
        "log_intensity": 0.0,
        "sharpness": -1.0,
        "stripes": -3.0,
        "saturated": 0.0,
    }
    return SliceFigures.model_validate({"slice_id": slice_id, "planes": (2,)} | good | values)


def acquisition(likeness: dict[tuple[int, int], float] | None = None, **bad: float) -> list[PairQuality]:
    """Neighbours as alike as 0.9, second neighbours as 0.8; slice 3 with the figures of `bad`."""
    given = likeness or {}
    found = []
    for upper in IDS:
        for lower in (upper + 1, upper + 2):
            if lower not in IDS:
                continue
            alike = given.get((upper, lower), 1 - 0.1 * (lower - upper))
            pair = PairFigures(upper_id=upper, lower_id=lower, likeness=alike, overlap=0.95)
            measured = [lower] if lower == upper + 1 else []
            measured += [0] if (upper, lower) == (0, 1) else []
            slices = tuple(figures(i, **(bad if i == 3 else {})) for i in measured)
            found.append(PairQuality(pair=pair, slices=slices))
    return found


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ({"log_intensity": -1.5}, "times as bright"),
        ({"sharpness": -2.5}, "blurred"),
        ({"saturated": 0.4}, "saturated"),
        ({"stripes": 0.5}, "striped"),
    ],
)
def test_spoiled_slice_is_found_alone_with_its_reason(bad: dict[str, float], word: str) -> None:
    (judged,) = spoiled_slices(acquisition(**bad), (), QualitySettings())
    assert judged.slice_id == 3
    assert word in judged.reasons[0]


def test_nothing_is_said_of_a_good_acquisition_nor_of_what_is_explained() -> None:
    assert not list(spoiled_slices(acquisition(), (), QualitySettings()))
    assert not list(spoiled_slices(acquisition(log_intensity=-1.5), {3}, QualitySettings()))
    assert not list(unlike_cuts(acquisition(), ()))


LOST = {(3, 4): 0.8, (2, 4): 0.7, (3, 5): 0.7}
"""Between 3 and 4 a slice was lost: pairs across are as alike as slices one further apart."""


def test_cut_across_which_all_pairs_fall_short_is_named() -> None:
    (cut,) = unlike_cuts(acquisition(LOST), ())
    assert (cut.upper_id, cut.lower_id) == (3, 4)
    assert (cut.likeness, cut.usual) == pytest.approx((0.8, 0.9))
    assert not list(unlike_cuts(acquisition(LOST), {4}))


def test_bad_slice_is_no_unlike_cut() -> None:
    bad = {(a, b): 0.3 for a in IDS for b in (a + 1, a + 2) if 3 in (a, b)}
    assert not list(unlike_cuts(acquisition(bad), ()))


def test_planes_are_compared_where_the_motion_brings_them_and_slices_measured_at_one_depth() -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(4, 96, 110)), (0, 3, 3))
    volume = (100 * np.exp(10 * noise)).astype(np.float32)
    y, x = np.ogrid[:96, :110]
    volume[:, (y - 48) ** 2 + (x - 55) ** 2 > 40**2] = 0
    shifted = np.roll(volume, (3, -5), axis=(1, 2))
    planes = registration_plane(volume[2]), registration_plane(shifted[2])
    motion = Affine2D.rigid(0.0, (-5.0, 3.0), plane_center((96, 110)))
    right = pair_quality(planes, motion, (4, 5), {5: shifted}, 2)
    wrong = pair_quality(planes, Affine2D.identity(), (4, 5), {}, 2)
    none = pair_quality(planes, None, (4, 5), {}, 2)
    assert right.pair.likeness > 0.95 > 0.6 > wrong.pair.likeness
    assert none.pair.likeness == 0
    assert [(f.slice_id, f.planes) for f in right.slices] == [(5, (2,))]
