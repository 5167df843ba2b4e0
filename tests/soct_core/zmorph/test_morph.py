"""Morphed planes: boundary planes to the bit, depths between, no weight for what was not measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from drifting_tissue import AGAROSE, CENTER, Drift, agarose_plane, drifting_gap, noisy, tissue_plane
from morphed_gaps import DRIFT, PLAIN, QUICK, STILL, Array, psnr, returning, settings
from numpy.typing import NDArray
from stored_image import SIZE, lose_chunk, stored_image

from schemas.common_space import Window
from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.volume import open_volume
from soct_core.volume.views import seen_through
from soct_core.zmorph import interpolate_z_morph
from soct_core.zmorph.morph import alphas


def as_dtype(planes: Array, dtype: str) -> Array:
    """Planes in the range of a dtype, with values that only this dtype holds exactly."""
    if dtype == "uint8":
        return np.clip(planes / 12, 0, 255).astype(dtype)
    if dtype == "int16":
        return (planes - 1000).astype(dtype)
    return planes.astype(dtype)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_boundary_planes_are_repeated_bit_for_bit(dtype: str) -> None:
    gap = drifting_gap(DRIFT)
    before, after = as_dtype(gap.before, dtype), as_dtype(gap.after, dtype)
    volume, diagnostics = interpolate_z_morph(before, after, QUICK, 4)
    assert volume is not None
    assert volume.dtype == dtype
    assert volume[0].tobytes() == before[-1].tobytes()
    assert volume[-1].tobytes() == after[0].tobytes()
    assert diagnostics.top_boundary_residual_mean == 0
    assert diagnostics.bottom_boundary_residual_mean == 0
    # And what lies between is neither of them, in the same range.
    assert psnr(as_float(volume, dtype), gap.truth[[0, 2, 4, 6]]) > 30


def as_float(planes: Array, dtype: str) -> Array:
    """The way back from `as_dtype`."""
    scale, offset = {"uint8": (12, 0), "int16": (1, 1000)}.get(dtype, (1, 0))
    return planes.astype(np.float64) * scale + offset


def test_planes_with_holes_are_repeated_bit_for_bit_too() -> None:
    gap = drifting_gap(DRIFT)
    before, after = gap.before.astype(np.float32), gap.after.astype(np.float32)
    before[-1, 120:124, 130:134] = np.nan
    after[0, 90, 90] = np.inf
    volume, diagnostics = interpolate_z_morph(before, after, QUICK, 5)
    assert volume is not None
    assert volume[0].tobytes() == before[-1].tobytes()
    assert volume[-1].tobytes() == after[0].tobytes()
    assert np.isfinite(volume[1:-1]).mean() > 0.99
    assert json.loads(diagnostics.model_dump_json(), parse_constant=pytest.fail)


@pytest.mark.parametrize("output_z", [1, 2, 7])
def test_as_many_planes_as_asked_for(output_z: int) -> None:
    gap = drifting_gap(DRIFT)
    volume, diagnostics = interpolate_z_morph(gap.before, gap.after, QUICK, output_z)
    assert volume is not None
    assert len(volume) == diagnostics.nz_out == output_z
    if output_z == 1:
        # A single plane is the middle of the gap.
        middle = interpolate_z_morph(gap.before, gap.after, QUICK, 3)[0]
        assert middle is not None
        assert volume[0].tobytes() == middle[1].tobytes()
    if output_z == 2:
        np.testing.assert_array_equal(volume, [gap.before[-1], gap.after[0]])


@pytest.mark.parametrize(
    ("nz_out", "sampling", "wanted"),
    [
        (1, "boundary", [0.5]),
        (2, "boundary", [0, 1]),
        (5, "boundary", [0, 0.25, 0.5, 0.75, 1]),
        (1, "interior", [0.5]),
        (3, "interior", [0.25, 0.5, 0.75]),
        (4, "interior", [0.2, 0.4, 0.6, 0.8]),
    ],
)
def test_depths_of_the_output_planes(nz_out: int, sampling: str, wanted: list[float]) -> None:
    np.testing.assert_allclose(alphas(nz_out, sampling), wanted)
    with pytest.raises(ValueError, match="wanted 1 at least"):
        alphas(0, sampling)


def test_interior_sampling_repeats_no_boundary_plane() -> None:
    gap = drifting_gap(DRIFT)
    inner, diagnostics = interpolate_z_morph(
        gap.before, gap.after, settings(alpha_sampling="interior", max_iterations=200), 5
    )
    outer, _ = interpolate_z_morph(gap.before, gap.after, QUICK, 7)
    assert inner is not None
    assert outer is not None
    # The five depths strictly between are those of seven with the boundaries left out.
    np.testing.assert_allclose(inner, outer[1:-1], atol=1e-6)
    assert diagnostics.top_boundary_residual_mean is not None
    assert diagnostics.top_boundary_residual_mean > 1
    assert diagnostics.bottom_boundary_residual_mean is not None
    assert diagnostics.bottom_boundary_residual_mean > 1


def test_what_one_side_alone_shows_is_not_faded_to_nothing() -> None:
    gap = drifting_gap(STILL)
    side = gap.before.shape[2]
    hidden = 24
    before = seen_through(gap.before[:, :, :-hidden], Window(offset=(0, 0), plane_shape=(side, side)))
    after = seen_through(gap.after[:, :, hidden:], Window(offset=(hidden, 0), plane_shape=(side, side)))
    volume, diagnostics = interpolate_z_morph(before, after, settings(**PLAIN), output_z=5)
    assert volume is not None
    assert diagnostics.gate == "already_aligned"
    for plane in volume[1:-1]:
        np.testing.assert_allclose(plane[:, :hidden], gap.before[-1][:, :hidden], rtol=1e-5)
        np.testing.assert_allclose(plane[:, -hidden:], gap.after[0][:, -hidden:], rtol=1e-5)


def test_pixels_pulled_from_outside_carry_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    gap = drifting_gap(Drift(shift=(20.0, 0.0)))
    returning(monkeypatch, gap.motion)
    volume, _ = interpolate_z_morph(gap.before, gap.after, settings(blend_method="linear", **PLAIN), 3)
    assert volume is not None
    # Half of the motion is 10 px: W_b(x) = before(x + 10), W_a(x) = after(x - 10).
    before, after = gap.before[-1], gap.after[0]
    np.testing.assert_allclose(volume[1][:, :10], before[:, 10:20], rtol=1e-9)
    np.testing.assert_allclose(volume[1][:, -10:], after[:, -20:-10], rtol=1e-9)
    np.testing.assert_allclose(volume[1][:, 10:-10], (before[:, 20:] + after[:, :-20]) / 2, rtol=1e-9)


def test_corners_that_neither_side_covers_are_background(monkeypatch: pytest.MonkeyPatch) -> None:
    gap = drifting_gap(Drift(40.0))
    returning(monkeypatch, gap.motion)
    lenient = settings(max_rotation_deg=90, min_overlap_correlation=-1)
    # One plane each: those farther away have turned on, and would be compared.
    volume, _ = interpolate_z_morph(gap.before[-1:], gap.after[:1], lenient, 3)
    assert volume is not None
    corners = volume[1][[0, 0, -1, -1], [0, -1, 0, -1]]
    assert np.unique(corners).size == 1
    assert corners[0] == pytest.approx(AGAROSE, abs=10)


def test_feathers_decide_only_where_one_side_alone_has_tissue(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = noisy(tissue_plane(), 1), noisy(tissue_plane(), 2)
    torn = np.s_[140:, :]
    after[torn] = agarose_plane(3)[torn]
    returning(monkeypatch, Affine2D.identity(CENTER))
    gaussian, faded = (
        interpolate_z_morph(
            before[None],
            after[None],
            settings(
                blend_method=method, min_tissue_overlap=0, min_neighbour_odds=-50.0, max_mirror_margin=9.0
            ),
            1,
        )[0]
        for method in ("gaussian", "linear")
    )
    assert gaussian is not None
    assert faded is not None
    shared, alone = np.s_[0, 90:120, 100:150], np.s_[0, 165:185, 100:150]
    np.testing.assert_allclose(gaussian[shared], faded[shared], rtol=1e-9)
    np.testing.assert_allclose(faded[alone], (before[alone[1:]] + after[alone[1:]]) / 2, rtol=1e-9)
    assert (
        np.abs(gaussian[alone] - before[alone[1:]]).mean()
        < 0.75 * np.abs(faded[alone] - before[alone[1:]]).mean()
    )


def cut_pair() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The slices before and after a missing one."""
    volume = np.asarray(PhantomVolume(Phantom.seeded(3), (15, 128, 144), SIZE)[:]).astype(np.float32)
    return volume[:5], volume[10:]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_zmorph_gives_no_weight_to_what_was_not_measured(bad: float) -> None:
    before, after = cut_pair()
    settings = InterpolationSettings(alpha_sampling="interior")
    sound, _ = interpolate_z_morph(before, after, settings)
    assert sound is not None
    before[-1, 60:66, 70:76] = bad
    after[0, 30, :] = bad
    found, diagnostics = interpolate_z_morph(before, after, settings)
    assert found is not None, diagnostics.detail
    assert np.isfinite(found).all()
    # Where one side is lost the other speaks alone; never a blend with an invented value.
    hole = found[2, 61:65, 71:75]
    assert np.abs(hole / sound[2, 61:65, 71:75] - 1).max() < 0.25
    assert np.abs(found / sound - 1)[:, 80:100, 20:60].max() < 0.02


def test_zmorph_repeats_boundary_planes_bit_for_bit_even_where_they_are_no_numbers() -> None:
    before, after = cut_pair()
    before[-1, 60, 70] = np.nan
    found, _ = interpolate_z_morph(before, after)
    assert found is not None
    np.testing.assert_array_equal(found[0], before[-1])
    assert np.isfinite(found[1:]).all()


def test_a_lost_chunk_of_an_integer_slice_does_not_darken_the_morph(tmp_path: Path) -> None:
    volume = np.asarray(PhantomVolume(Phantom.seeded(3), (15, 520, 560), (40.0, 8.0, 8.0))[:])
    volume = np.maximum(volume, 1).astype(np.uint16)
    path = stored_image(tmp_path / "before.ome.zarr", volume[:5])
    settings = InterpolationSettings(alpha_sampling="interior")
    lose_chunk(path, 0, 1, 0)
    found, diagnostics = interpolate_z_morph(open_volume(path), volume[10:], settings, output_z=3)
    assert found is not None, diagnostics.detail
    np.testing.assert_allclose(found[1, 516:519, 40:400], volume[10, 516:519, 40:400], rtol=0.1)
