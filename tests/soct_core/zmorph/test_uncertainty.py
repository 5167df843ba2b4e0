"""Half widths of the interval of each voxel: nothing on the faces, most in the middle, wide where unknown."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from drifting_tissue import CENTER, Drift, drifting_gap
from morphed_gaps import PLAIN, Array, settings

from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.zmorph.morph import Morph, Refined
from soct_core.zmorph.sides import Side
from soct_core.zmorph.uncertainty import half_widths

SHIFTED = Drift(2.0, (4.0, -3.0))


@cache
def morphed() -> Morph:
    """Tissue that turns by 2 degrees across the gap, but is left in place: the sides differ by the drift."""
    gap = drifting_gap(SHIFTED)
    before, after = (np.float32(plane) for plane in (gap.before[-1], gap.after[0]))
    return Morph.of_planes(before, after, Affine2D.identity(CENTER), settings(**PLAIN))


def test_faces_are_known_and_the_middle_least() -> None:
    widths = np.stack(list(half_widths(morphed(), 7)))
    assert not widths[[0, -1]].any()
    assert (widths[1:-1] > 0).all()
    means = widths.mean(axis=(1, 2))
    assert means.argmax() == 3
    np.testing.assert_allclose(means, means[::-1], rtol=0.02)
    # Interior planes are no faces.
    assert (
        np.stack(list(half_widths(Morph.of_planes(*_faces(), Affine2D.identity(CENTER), _interior()), 3))) > 0
    ).all()


def _faces() -> tuple[Array, Array]:
    gap = drifting_gap(SHIFTED)
    return np.float32(gap.before[-1]), np.float32(gap.after[0])


def _interior() -> InterpolationSettings:
    return settings(alpha_sampling="interior", **PLAIN)


def test_most_voxels_lie_within_and_most_is_known_where_the_sides_agree() -> None:
    gap = drifting_gap(SHIFTED)
    planes, widths = (np.stack(list(of)) for of in (morphed().planes(7), half_widths(morphed(), 7)))
    inner = np.s_[1:-1, 60:-60, 60:-60]
    error = np.abs(planes - gap.truth)[inner]
    assert (error <= widths[inner]).mean() > 0.8
    assert widths[inner].mean() < 6 * error.mean()
    assert widths[3, :20, :20].mean() < 0.3 * widths[inner].mean()


@pytest.mark.parametrize("level", [50.0, 100.0])
def test_half_widths_grow_with_the_intensities(level: float) -> None:
    before, after = _faces()
    one = next(iter(half_widths(Morph.of_planes(before, after, Affine2D.identity(CENTER), _interior()), 1)))
    scaled = Morph.of_planes(before * level, after * level, Affine2D.identity(CENTER), _interior())
    np.testing.assert_allclose(next(iter(half_widths(scaled, 1))), one * level, rtol=0.01)


@pytest.mark.parametrize(("held_out", "times"), [(None, 1.0), (1.0, 1.1), (0.0, 0.55), (9.0, 1.75)])
def test_half_widths_follow_the_error_of_planes_that_were_held_out(
    held_out: float | None, times: float
) -> None:
    before, after = (plane[:96, :96] for plane in _faces())
    still = Affine2D.identity((47.5, 47.5))
    plain, asked = (
        next(iter(half_widths(Morph.of_planes(before, after, still, _interior(), refined=refined), 1)))
        for refined in (Refined(), Refined(held_out_error=held_out))
    )
    np.testing.assert_allclose(asked, times * plain, rtol=0.01)


def test_what_no_side_shows_is_as_wide_as_the_intensities() -> None:
    before, after = _faces()
    where = np.ones(before.shape, dtype=bool)
    where[:, :40] = False
    alone = Morph.of_planes(before, after, Affine2D.identity(CENTER), _interior(), (where, None))
    widths = next(iter(half_widths(alone, 1)))
    overall = np.sqrt(((before - after)[where] ** 2).mean())
    np.testing.assert_allclose(widths[:, :30], overall, rtol=0.01)
    none = Morph.of_planes(before, after, Affine2D.identity(CENTER), _interior(), (where, where))
    widths = next(iter(half_widths(none, 1)))
    assert widths[:, :30].min() >= 0.99 * none.intensity_range
    assert widths[:, 60:].max() < none.intensity_range


def test_quieter_sources_narrow_the_interval() -> None:
    rng = np.random.default_rng(3)
    planes = np.float32(1000 * rng.gamma(1.0, 1.0, (2, 6, 64, 64)))
    still = Affine2D.identity((31.5, 31.5))
    means = []
    for count in (1, 6):
        refined = Refined(None, count, 1000.0)
        morph = Morph(Side(planes[0], count), Side(planes[1], count), still, _interior(), refined)
        means.append(float(np.mean([plane.mean() for plane in half_widths(morph, 3)])))
    assert means[1] == pytest.approx(means[0] / np.sqrt(6), rel=0.1)
