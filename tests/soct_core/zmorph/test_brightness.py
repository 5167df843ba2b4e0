"""Brightness across a gap: light that is lost with depth is told from anatomy, and widens the interval."""

from __future__ import annotations

from typing import Any

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
    # Too thin to have a far end: nothing is lost that can be seen.
    thin = slices(np.ones(1), 1.4)
    assert found(*thin).of_light == 0


@pytest.mark.parametrize("step", [0.3, 0.9, 1.2, 3.0])
def test_both_sides_come_to_the_middle_and_reach_each_other(step: float) -> None:
    light = Brightness(step, 1.0)
    above, below = light.to_middle
    middle = (1 + step) / 2
    assert above == pytest.approx(middle)
    assert step * below == pytest.approx(middle)
    for alpha in (0.01, 0.3, 0.5, 0.9):
        shown, reach = 1 + alpha * (step - 1), light.unknown(alpha) * middle
        assert max(abs(shown - 1), abs(shown - step)) == pytest.approx(reach)
    assert Brightness(step).to_middle == (1.0, 1.0)
    assert Brightness(step).unknown(0.2) == 0


def widths_of(gap: tuple[NDArray[Any], NDArray[Any]], light: Brightness) -> NDArray[np.float32]:
    faces, ways = (gap[0][-1], gap[1][0]), settings(alpha_sampling="interior", **PLAIN)
    morph = Morph.of_planes(*faces, STILL, ways, refined=Refined(brightness=light))
    return np.stack(list(half_widths(morph, DEPTH)))


def test_the_interval_holds_whatever_light_the_missing_slice_was_in() -> None:
    gap = slices(FADING)
    volume, d = interpolate_z_morph(*gap, InterpolationSettings(alpha_sampling="interior"))
    assert volume is not None
    assert d.brightness_of_light == pytest.approx(1.0, abs=0.02)
    shown = amid()
    light = Brightness(d.brightness_step, d.brightness_of_light or 0.0)
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
