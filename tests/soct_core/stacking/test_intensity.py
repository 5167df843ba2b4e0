"""Matching of intensity: jitter from slice to slice goes, anatomy and attenuation stay."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from placed_slices import STILL, VOXEL, interpolated, matched, measured, stacked
from scipy import ndimage
from slice_voxels import constant

from soct_core.affine import Affine2D, plane_center
from soct_core.stacking.blending import canvas_of
from soct_core.stacking.cut_intensity import CutIntensity
from soct_core.stacking.gains import LEAST_FACTOR, MOST_FACTOR, factor_at, solve_gains
from soct_core.stacking.inputs import Assembled
from soct_core.stacking.intensity import MatchedIntensity, match_intensity
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.stacking.poses import PairVerdict, SolvedPose

pytestmark = pytest.mark.usefixtures("no_waiting_for_the_disk")
SLOT, COUNT, SHAPE = 10, 12, (96, 120)
"""Planes of a slot, slices, and (y, x) of a plane."""
Array = NDArray[np.float64]


def specimen(gradient: float = 1.0) -> Array:
    """A textured disc in dark agarose, (z, y, x), whose brightness changes by a factor from top to bottom."""
    rng = np.random.default_rng(4)
    depth = SLOT * COUNT + 10
    texture = ndimage.gaussian_filter(rng.normal(size=(depth, *SHAPE)), (12, 3, 3))
    y, x = (np.linspace(-1, 1, n) for n in SHAPE)
    inside = np.hypot(y[:, None], x[None, :]) < 0.7
    trend = gradient ** np.linspace(0, 1, depth)[:, None, None]
    tissue = 1000 * trend * (1 + 0.15 * texture / texture.std())
    return np.where(inside, tissue, 40 + 4 * rng.normal(size=tissue.shape))


def jitter(seed: int, share: float = 0.3) -> Array:
    return 1 + share * np.random.default_rng(seed).uniform(-1, 1, COUNT)


def cut(
    volume: Array,
    gains: Array,
    *,
    imaged: int = SLOT,
    attenuation: float = 0.0,
    without: tuple[int, ...] = (),
    turn: float = 0.0,
) -> list[PlacedSlice]:
    """Slices of a volume, each with its gain; `attenuation` is the logarithm lost over a slot."""
    slices = []
    for i in range(COUNT):
        if i in without:
            continue
        block = volume[i * SLOT : i * SLOT + imaged] * gains[i]
        block = block * np.exp(-attenuation * np.arange(imaged) / SLOT)[:, None, None]
        pose = Affine2D.rigid(turn * (-1) ** i, (3.0 * turn, -turn), plane_center(SHAPE))
        moved = block if not turn else np.stack([_moved(plane, pose) for plane in block])
        slices.append(measured(i, moved.astype(np.float32), i * SLOT, SLOT, pose if turn else STILL))
    return slices


def _moved(plane: Array, pose: Affine2D) -> Array:
    """`moved(pose(x)) = plane(x)`."""
    matrix, offset = pose.inverse().yx()
    return np.asarray(ndimage.affine_transform(plane, matrix, offset, order=1, mode="nearest"))


def left(slices: list[PlacedSlice], gains: Array) -> float:
    """Share of the jitter's variance that is left."""
    found = matched(slices, canvas_of(slices), SLOT).factors
    ids = [placed.slice_id for placed in slices]
    after = np.log(gains[ids]) + np.log([found[i] for i in ids])
    return float(after.var() / np.log(gains[ids]).var())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"imaged": SLOT + 4},
        {"attenuation": 0.7},
        {"attenuation": 0.7, "imaged": SLOT + 4},
        {"without": (4, 7, 8)},
        {"turn": 2.0},
    ],
    ids=["clean", "overlap", "attenuated", "attenuated overlap", "gaps", "turned"],
)
def test_nine_tenths_of_the_jitter_go(how: dict[str, Any], seed: int) -> None:
    gains = jitter(seed)
    assert left(cut(specimen(), gains, **how), gains) < 0.1


@pytest.mark.parametrize("how", [{}, {"imaged": SLOT + 4}, {"attenuation": 0.7}, {"without": (5,)}])
def test_a_gradient_of_anatomy_stays(how: dict[str, Any]) -> None:
    slices = cut(specimen(gradient=2.0), np.ones(COUNT), **how)
    found = matched(slices, canvas_of(slices), SLOT).factors
    np.testing.assert_allclose(list(found.values()), 1, atol=0.03)


def test_a_gradient_stays_while_jitter_goes() -> None:
    gains = jitter(1)
    slices = cut(specimen(gradient=2.0), gains)
    found = matched(slices, canvas_of(slices), SLOT).factors
    after = gains * np.array([found[i] for i in range(COUNT)])
    after /= after.mean()
    # Without the gradient these are 1; flattened, they would run from 1.4 to 0.7.
    assert np.abs(after - 1).max() < 0.12
    assert left(slices, gains) < 0.1


def test_a_volume_is_as_bright_across_every_cut_as_its_source(tmp_path: Path) -> None:
    source, gains = specimen(), jitter(2)
    found = stacked(tmp_path, cut(source, gains, imaged=SLOT + 4), SLOT * COUNT, match_intensity=True)
    inside = source[0] > 300
    profile = np.array([plane[inside].mean() for plane in found.values])
    true = np.array([plane[inside].mean() for plane in source[: SLOT * COUNT]])
    ratio = profile / true
    assert ratio.std() / ratio.mean() < 0.04
    off = stacked(tmp_path / "off", cut(source, gains), SLOT * COUNT)
    rough = np.array([plane[inside].mean() for plane in off.values]) / true
    assert rough.std() / rough.mean() > 0.12


@pytest.mark.parametrize(
    ("above", "below", "ratio"),
    [(2000, 1600, 1.25), (1600, 2000, 0.8), (9000, 1000, 4.0), (1000, 9000, 0.25), (1000, 1000, 1.0)],
)
def test_factors_are_bounded_and_share_the_change(
    tmp_path: Path, above: int, below: int, ratio: float
) -> None:
    layers = [measured(0, constant(above, 13, "u2"), 0, 10), measured(1, constant(below, 10, "u2"), 10)]
    found = stacked(tmp_path, layers, 20, blend_depth_um=30.0, match_intensity=True)
    assert found.factors[1] / found.factors[0] == pytest.approx(ratio, rel=1e-3)
    assert found.factors[1] * found.factors[0] == pytest.approx(1, rel=1e-3)
    assert all(LEAST_FACTOR <= factor <= MOST_FACTOR for factor in found.factors.values())
    if 0.25 < ratio < 4:
        assert np.ptp(found.values) <= 3
    plain = stacked(tmp_path, layers, 20, blend_depth_um=30.0)
    assert (np.unique(plain.values[:10]), np.unique(plain.values[13:])) == ([above], [below])


def assembled(slices: list[PlacedSlice], verdicts: Mapping[tuple[int, int], float], source: Any) -> Assembled:
    poses = {placed.slice_id: SolvedPose(STILL, source, 0.0) for placed in slices}
    kept = {pair: PairVerdict(weight, 0.0, True) for pair, weight in verdicts.items()}
    return Assembled(tuple(slices), poses, kept, SLOT * COUNT, {})


def test_a_cut_that_nothing_crosses_is_not_matched_and_says_so() -> None:
    gains = np.ones(COUNT)
    gains[6:] = 1.5
    slices = cut(specimen(), gains)
    pairs = {(i, i + 1): 0.9 * (i != 5) for i in range(COUNT - 1)}

    def found(verdicts: Mapping[tuple[int, int], float], source: str = "pairwise") -> MatchedIntensity:
        return match_intensity(assembled(slices, verdicts, source), canvas_of(slices), VOXEL, SLOT)

    parted = found(pairs)
    np.testing.assert_allclose(list(parted.factors.values()), 1, atol=0.02)
    assert [(c.upper_id, c.lower_id, c.reason) for c in parted.unmatched] == [(5, 6, "no trusted pair")]
    assert parted.matched == COUNT - 2
    assert parted.remarks() == {6: "intensity not matched to slice 05: no trusted pair"}
    # A check across the cut, or the user's word for the stage, joins the two parts.
    for joined in (found(pairs | {(4, 6): 0.01}), found({}, "stage")):
        assert joined.unmatched == ()
        assert joined.factors[6] / joined.factors[5] == pytest.approx(1 / 1.5, rel=0.1)
    nothing = found({}, "prior")
    assert (nothing.matched, len(nothing.unmatched)) == (0, COUNT - 1)
    assert set(nothing.factors.values()) == {1.0}


def test_agarose_and_wide_gaps_tell_nothing() -> None:
    slices = cut(specimen(), np.ones(COUNT), without=(7, 8, 9))
    empty = 40 + 4 * np.random.default_rng(0).normal(size=(SLOT, *SHAPE))
    slices[3] = measured(3, empty.astype(np.float32), 3 * SLOT, SLOT)
    found = matched(slices, canvas_of(slices), SLOT)
    assert [(c.lower_id, c.reason) for c in found.unmatched] == [
        (10, "4 slots apart"),
        (3, "no tissue in common"),
        (4, "no tissue in common"),
    ]
    assert found.factors[3] == 1


def test_published_factors_stay_and_new_slices_follow_them() -> None:
    gains = jitter(3)
    slices = cut(specimen(), gains)
    old = matched(slices[:9], canvas_of(slices), SLOT)
    poses = {placed.slice_id: SolvedPose(STILL, "pairwise", 1.0) for placed in slices}
    verdicts = {(i, i + 1): PairVerdict(1.0, 0.0, True) for i in range(COUNT - 1)}
    given = Assembled(tuple(slices), poses, verdicts, 0, {})
    new = match_intensity(given, canvas_of(slices), VOXEL, SLOT, old)
    assert {i: new.factors[i] for i in old.factors} == old.factors
    assert new.step == old.step
    assert new.matched == COUNT - 1
    after = gains * np.array([new.factors[i] for i in range(COUNT)])
    np.testing.assert_allclose(after[9:] / after[8], 1, atol=0.08)


def test_an_interpolated_slice_leads_from_one_gain_to_the_other(tmp_path: Path) -> None:
    """A cross-fade of two planes that the factors make alike becomes like both."""
    share = np.linspace(0, 1, 5)
    above, below = 800.0, 1250.0
    mixed = np.stack([np.full(SHAPE, (1 - a) * above + a * below, np.float32) for a in share])
    middle = interpolated(1, mixed, 4, alphas=share)
    factors = {0: 1000 / above, 2: 1000 / below}
    whole = [measured(0, constant(above, 4), 0), middle, measured(2, constant(below, 4), 9)]
    np.testing.assert_allclose([factor_at(middle, z, factors) * mixed[z, 0, 0] for z in range(5)], 1000)
    assert [factor_at(middle, z, {}) for z in range(5)] == [1.0] * 5
    assert [factor_at(placed, 0, factors) for placed in whole[::2]] == [1.25, 0.8]


def test_errors_of_many_cuts_do_not_add_up() -> None:
    rng = np.random.default_rng(0)
    count = 300
    cuts = [
        CutIntensity(i, i + 1, float(rng.normal(0, 0.03)), 0.04, 1.0, 0.0, 1.0, float(SLOT))
        for i in range(count - 1)
    ]
    logs = np.log(list(solve_gains(range(count), cuts, SLOT).factors.values()))
    assert np.abs(logs).max() < 0.15
    assert np.abs(np.cumsum([cut.log_ratio for cut in cuts])).max() > 0.3, "added up"


def test_a_cut_that_shows_little_hardly_counts() -> None:
    def gains(spread: float, share: float = 1.0) -> float:
        cuts = [CutIntensity(i, i + 1, 0.0, 0.02, 1.0, 0.0, 1.0, float(SLOT)) for i in range(9)]
        cuts[4] = CutIntensity(4, 5, 0.4, spread, share, 0.0, 1.0, float(SLOT))
        found = solve_gains(range(10), cuts, SLOT).factors
        return float(np.log(found[5] / found[4]))

    assert gains(0.02) > 0.35
    assert gains(4.0) < 0.1
    assert gains(0.02, share=0.5) < 0.2
