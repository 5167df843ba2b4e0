"""Brightness across a gap: light that is lost with depth is told from anatomy, and widens the interval."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from morphed_gaps import PLAIN, settings
from numpy.typing import NDArray

from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.zmorph import interpolate_z_morph
from soct_core.zmorph.brightness import BRIGHTER, Brightness, brightness_across
from soct_core.zmorph.morph import Morph, Refined
from soct_core.zmorph.near_planes import near_side
from soct_core.zmorph.refinement import refinement_of
from soct_core.zmorph.uncertainty import half_widths

DEPTH, SIDE = 15, 96
STILL = Affine2D.identity(((SIDE - 1) / 2, (SIDE - 1) / 2))


def tissue() -> NDArray[np.float32]:
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    texture = 1.2 + 0.3 * np.sin(9 * x) * np.cos(7 * y + 2 * x)
    return np.float32(60 + 1000 * (np.hypot(y, x) < 0.7) * texture)


def amid() -> NDArray[np.bool_]:
    """Amid tissue: what is local there shows nothing else."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    return np.asarray(np.hypot(y, x) < 0.5)


def slices(light: NDArray[Any], step: float = 1.0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Two slices of the same tissue in a light, plane by plane; the second is as much brighter."""
    before = tissue() * np.float32(light)[:, None, None]
    return before, np.float32(step) * before


def found(before: Any, after: Any, averaged: int = 1) -> Brightness:
    near = near_side(before, 8, 3, above=True), near_side(after, 8, 3, above=False)
    return brightness_across(near, averaged)


FADING = np.exp(-np.linspace(0, 1.2, DEPTH))


@pytest.mark.parametrize("averaged", [1, 3])
def test_light_that_is_lost_in_both_slices_makes_the_whole_step(averaged: int) -> None:
    light = found(*slices(FADING), averaged)
    assert light.of_light is not None
    lost = np.mean(FADING[:averaged]) / np.mean(FADING[-averaged:])
    assert light.step == pytest.approx(lost, rel=0.03)
    assert light.of_light == pytest.approx(1.0, abs=0.02)
    # As well where slices are imaged from below.
    turned = found(*slices(FADING[::-1]), averaged)
    assert turned.step == pytest.approx(1 / lost, rel=0.03)
    assert turned.of_light == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (np.ones(DEPTH), np.full(DEPTH, 1.3)),
        # Tissue that grows brighter all the way, and one that does where the other fades.
        (np.linspace(1, 1.2, DEPTH), np.linspace(1.4, 1.6, DEPTH)),
        (FADING**0.2, np.linspace(1.0, 1.2, DEPTH)),
    ],
)
def test_anatomy_that_brightens_is_no_light(before: Any, after: Any) -> None:
    light = found(*(tissue() * np.float32(one)[:, None, None] for one in (before, after)))
    assert light.step is not None
    assert 1.1 < light.step < BRIGHTER
    assert light.of_light == 0


def test_no_anatomy_makes_tissue_four_times_as_bright() -> None:
    light = found(*slices(np.ones(DEPTH), 4.0))
    assert light.of_light == pytest.approx(1 - np.log(BRIGHTER) / np.log(4), rel=1e-3)


def test_what_has_no_brightness_has_no_step() -> None:
    dark = -np.float32(tissue())
    assert found(dark[None].repeat(DEPTH, 0), slices(FADING)[1]) == Brightness()
    # 0 is not dark: ratios mean nothing, and would be huge.
    shifted = [planes - np.float32(200) for planes in slices(FADING)]
    assert found(*shifted) == Brightness()
    # Too thin to tell whether anything is lost; a step of 4 is light at any depth.
    assert found(*slices(FADING[:2], 1.2)).of_light is None
    assert found(*slices(np.ones(2), 4.0)).of_light == pytest.approx(0.71, abs=0.01)


@pytest.mark.parametrize("what", ["dim", "lost", "bright"])
def test_single_planes_lead_nobody_astray(what: str) -> None:
    before, after = slices(FADING)
    for planes, index in ((before, 0), (before, 9), (after, -1), (after, 3)):
        planes[index] = {"dim": 0.5 * planes[index], "lost": np.nan, "bright": 2 * planes[index]}[what]
    light = found(before, after)
    assert light.of_light == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("step", [0.3, 0.9, 1.2, 3.0])
def test_both_sides_come_to_the_middle_and_reach_each_other(step: float) -> None:
    light = Brightness(step, 1.0)
    above, below = light.to_middle
    middle = (1 + step) / 2
    assert above == pytest.approx(middle)
    assert step * below == pytest.approx(middle)
    assert light.brightest == pytest.approx(max(1, step) / middle)
    for alpha in (0.01, 0.3, 0.5, 0.9):
        shown, reach = 1 + alpha * (step - 1), light.unknown(alpha) * middle
        assert max(abs(shown - 1), abs(shown - step)) == pytest.approx(reach)
    assert Brightness(step).to_middle == (1.0, 1.0)
    assert (Brightness(step).unknown(0.2), Brightness(step).brightest) == (0, 1)


def widths_of(
    gap: tuple[NDArray[Any], NDArray[Any]], light: Brightness, where: tuple[Any, Any] = (None, None)
) -> NDArray[np.float32]:
    faces, ways = (gap[0][-1], gap[1][0]), settings(alpha_sampling="interior", **PLAIN)
    morph = Morph.of_planes(*faces, STILL, ways, where, Refined(brightness=light))
    return np.stack(list(half_widths(morph, DEPTH)))


def test_the_interval_holds_whatever_light_the_missing_slice_was_in() -> None:
    gap = slices(FADING)
    volume, d = interpolate_z_morph(*gap, InterpolationSettings(alpha_sampling="interior"))
    assert volume is not None
    assert d.brightness_of_light == pytest.approx(1.0, abs=0.02)
    shown = amid()
    light = Brightness(d.brightness_step, d.brightness_of_light)
    known, unknown = widths_of(gap, Brightness()), widths_of(gap, light)
    for truth in (FADING, FADING * 0 + 1, FADING * 0 + FADING[-1]):
        missed = np.abs(volume - tissue() * np.float32(truth)[:, None, None])[:, shown]
        assert (missed <= 1.02 * unknown[:, shown] + 1).mean() > 0.98
    lit = np.abs(volume - tissue() * np.float32(FADING)[:, None, None])[:, shown]
    assert (lit <= known[:, shown]).mean() < 0.8
    # Of the dark around no more is unknown than it shows.
    assert unknown[:, 0, 0].max() < gap[1][0, 0, 0]


def test_what_two_sides_differ_by_is_not_their_light() -> None:
    gap = slices(FADING)
    light = found(*gap)
    same = widths_of(gap, light)[DEPTH // 2]
    reach = light.unknown(0.5) * (1 + (light.step or 1)) / 2 * gap[0][-1]
    np.testing.assert_allclose(same[amid()], reach[amid()], rtol=0.1)


def test_what_is_not_known_of_the_tissue_grows_with_its_light() -> None:
    before, after = slices(np.ones(DEPTH))
    after = after + np.float32(100 * (amid() & (np.indices((SIDE, SIDE))[1] > SIDE / 2)))
    plain = widths_of((before, after), Brightness())
    lit = widths_of((before, 3 * after), Brightness(3.0, 1.0))
    reach = Brightness(3.0, 1.0).unknown(0.5) * (before[0] + after[0])
    place = np.s_[DEPTH // 2, SIDE // 2, SIDE * 5 // 8]
    # Both at the brightness in the middle, twice that of before, and three times at most.
    assert lit[place] - reach[place[1:]] == pytest.approx(3 * plain[place], rel=0.1)


def test_what_one_side_alone_shows_may_be_off_by_the_whole_step() -> None:
    gap = slices(FADING)
    light, seen = found(*gap), np.ones((SIDE, SIDE), dtype=bool)
    seen[:, SIDE // 2 :] = False
    known = amid()
    for where, truth in (((seen, None), gap[0][-1]), ((None, seen), gap[1][0])):
        shown, other = (gap[1][0], gap[0][-1]) if where[1] is None else (gap[0][-1], gap[1][0])
        assert (truth == other).all()
        alone = known & ~seen & (np.abs(np.arange(SIDE) - SIDE / 2) > 8)
        widths = widths_of(gap, light, where)
        assert (np.abs(shown - truth)[alone] <= 1.05 * widths[:, alone]).all()


def test_no_less_is_unknown_beside_what_was_not_measured() -> None:
    gap = slices(FADING)
    seen = np.ones((SIDE, SIDE), dtype=bool)
    seen[:, SIDE // 2 :] = False
    whole, cut = (widths_of(gap, found(*gap), (where, where))[7] for where in (None, seen))
    beside = np.s_[SIDE // 2 - 10 : SIDE // 2 + 10, SIDE // 2 - 6 : SIDE // 2 - 1]
    np.testing.assert_allclose(cut[beside], whole[beside], rtol=0.1)


def test_the_refinement_asks_planes_that_are_held_out_at_the_same_brightness() -> None:
    rng = np.random.default_rng(5)
    walk = np.cumsum(
        [cv2.GaussianBlur(rng.normal(0, 300, (SIDE, SIDE)), (0, 0), 1.5) for _ in range(30)], axis=0
    )
    planes = np.float32(tissue() + np.where(tissue() > 500, walk, 0))
    ways = InterpolationSettings(source_slab=0.0, deformation="affine")
    errors = []
    for light in (np.ones(DEPTH), FADING):
        gap = [planes[part] * np.float32(light)[:, None, None] for part in (slice(DEPTH), slice(DEPTH, None))]
        errors.append(refinement_of(*gap, STILL, ways, 5).held_out_error)
    assert errors[1] == pytest.approx(errors[0], rel=0.1)
