"""zmorph: what it fills, what it refuses, and that it never changes what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drifting_tissue import (
    AGAROSE,
    CENTER,
    SIZE,
    Drift,
    DriftingGap,
    agarose_plane,
    drifting_gap,
    noisy,
    rms_distance,
    tissue_plane,
)
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from schemas.common_space import Window
from schemas.diagnostics import InterpolationDiagnostics
from schemas.settings import InterpolationSettings
from soct_core.affine import Affine2D
from soct_core.baselines import interpolate_average, interpolate_weighted
from soct_core.errors import RegistrationError, VolumeError
from soct_core.registration.likeness import ncc
from soct_core.registration.working_plane import registration_plane
from soct_core.volume import open_volume
from soct_core.volume.views import seen_through
from soct_core.volume.writing import write_image
from soct_core.zmorph import find_best_overlap_planes, interpolate_z_morph
from soct_core.zmorph.cross_fade import cross_fade, feather
from soct_core.zmorph.gates import judge, wanted_gain
from soct_core.zmorph.morph import alphas

DRIFT = Drift(3.0, (5.0, -4.0), (1.02, 0.99), 0.01)
STILL = Drift()
# Of slabs one plane thick, the motion found is that from before[-1] to after[0] alone.
SHARP = InterpolationSettings(reference_slab_size=1, overlap_search_window=1)
# For what does not hang on the accuracy of the registration.
QUICK = InterpolationSettings(max_iterations=200)

Array = NDArray[Any]


def settings(**values: Any) -> InterpolationSettings:
    """The defaults but for some values."""
    return InterpolationSettings.model_validate(values)


def psnr(volume: Array, truth: Array) -> float:
    """Peak signal to noise ratio of the planes between the two boundaries, in dB."""
    error = ((volume[1:-1].astype(np.float64) - truth[1:-1]) ** 2).mean()
    return float(10 * np.log10(2000.0**2 / error))


def linear(gap: DriftingGap) -> Array:
    """The cross-fade of the boundary planes without registration."""
    a = np.linspace(0, 1, len(gap.truth))[:, None, None]
    faded: Array = (1 - a) * gap.before[-1] + a * gap.after[0]
    return faded


def as_dtype(planes: Array, dtype: str) -> Array:
    """Planes in the range of a dtype, with values that only this dtype holds exactly."""
    if dtype == "uint8":
        return np.clip(planes / 12, 0, 255).astype(dtype)
    if dtype == "int16":
        return (planes - 1000).astype(dtype)
    return planes.astype(dtype)


class Counting:
    """A volume that remembers which of its planes were read."""

    def __init__(self, data: Array) -> None:
        self._data = data
        self.shape = data.shape
        self.dtype = data.dtype
        self.read: set[int] = set()

    def __getitem__(self, index: Any) -> Array:
        first = index[0] if isinstance(index, tuple) else index
        self.read |= set(np.atleast_1d(np.arange(self.shape[0])[first]).tolist())
        return np.asarray(self._data[index])


def returning(monkeypatch: pytest.MonkeyPatch, motion: Affine2D | Exception) -> None:
    """Let the registration return a motion, or raise."""

    def register(*_: object, **__: object) -> Affine2D:
        if isinstance(motion, Exception):
            raise motion
        return motion

    monkeypatch.setattr("soct_core.zmorph.interpolate.register", register)


@pytest.mark.parametrize(
    "drift",
    [DRIFT, DRIFT.inverted, Drift(shift=(9.0, 7.0)), Drift(-5.0)],
    ids=["affine", "back", "shift", "turn"],
)
def test_drifting_tissue_is_filled_and_clearly_beats_the_cross_fade(drift: Drift) -> None:
    gap = drifting_gap(drift)
    volume, diagnostics = interpolate_z_morph(gap.before, gap.after, output_z=7)
    assert volume is not None
    assert volume.shape == gap.truth.shape
    assert psnr(volume, gap.truth) > psnr(linear(gap), gap.truth) + 5
    assert not diagnostics.interpolation_failed
    assert (diagnostics.method, diagnostics.method_used, diagnostics.gate) == ("zmorph", "zmorph", "improved")
    assert (diagnostics.fallback_reason, diagnostics.nz_out) == (None, 7)
    assert diagnostics.post_reg_ncc is not None
    assert diagnostics.pre_reg_ncc is not None
    assert diagnostics.post_reg_ncc > 0.95
    assert diagnostics.ncc_improvement == pytest.approx(diagnostics.post_reg_ncc - diagnostics.pre_reg_ncc)


@pytest.mark.parametrize("drift", [DRIFT, DRIFT.inverted], ids=["there", "back"])
def test_the_affine_reported_is_the_drift(drift: Drift) -> None:
    gap = drifting_gap(drift)
    _, diagnostics = interpolate_z_morph(gap.before, gap.after, SHARP, output_z=1)
    assert diagnostics.affine_matrix is not None
    assert diagnostics.affine_translation is not None
    found = Affine2D.of(
        diagnostics.affine_matrix, diagnostics.affine_translation, diagnostics.affine_center or ()
    )
    tissue = registration_plane(gap.after[0]).tissue
    assert rms_distance(found, gap.motion, tissue) < 0.15
    assert diagnostics.affine_determinant == pytest.approx(gap.motion.determinant, abs=0.005)
    wanted = rms_distance(gap.motion, Affine2D.identity(), tissue)
    assert diagnostics.displacement_rms_px == pytest.approx(wanted, abs=0.15)
    assert diagnostics.fractional_power_max_imag == pytest.approx(0, abs=1e-9)


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


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_spoiled_boundary_plane_is_never_morphed_though_another_pair_is_good(side: str) -> None:
    gap = drifting_gap(DRIFT)
    before, after = gap.before.copy(), gap.after.copy()
    if side == "before":
        before[-1] = agarose_plane(1)
    else:
        after[0] = after[0, ::-1]
    volume, diagnostics = interpolate_z_morph(before, after, QUICK, 3)
    assert volume is None
    assert diagnostics.fallback_reason in ("no_foreground_planes", "low_post_ncc")
    assert "boundary plane" in diagnostics.detail


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


@pytest.mark.parametrize(("nz_before", "nz_after"), [(1, 1), (2, 6), (6, 1), (6, 3)])
def test_volumes_of_different_depth_give_the_boundary_planes_nearest_the_gap(
    nz_before: int, nz_after: int
) -> None:
    gap = drifting_gap(DRIFT)
    volume, diagnostics = interpolate_z_morph(gap.before[-nz_before:], gap.after[:nz_after], QUICK, 3)
    assert volume is not None
    assert volume[0].tobytes() == gap.before[-1].tobytes()
    assert volume[-1].tobytes() == gap.after[0].tobytes()
    for found, depth in (
        (diagnostics.slab_before_range, nz_before),
        (diagnostics.slab_after_range, nz_after),
    ):
        assert found is not None
        assert 0 <= found[0] <= found[1] < depth


def test_smaller_planes_are_padded_with_zeros_at_the_far_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    gap = drifting_gap(DRIFT)
    returning(monkeypatch, gap.motion)
    before, after = gap.before[:, :-9, :], gap.after[:, :, :-14]
    linear_blend = settings(blend_method="linear")
    volume, _ = interpolate_z_morph(before, after, linear_blend, 3)
    whole, _ = interpolate_z_morph(gap.before, gap.after, linear_blend, 3)
    assert volume is not None
    assert whole is not None
    assert volume.shape == (3, SIZE, SIZE)
    np.testing.assert_array_equal(volume[0], np.pad(before[-1], ((0, 9), (0, 0))))
    np.testing.assert_array_equal(volume[-1], np.pad(after[0], ((0, 0), (0, 14))))
    # Where no warp reaches the padding, nothing else changed: no plane was shifted to its centre.
    np.testing.assert_allclose(volume[1, 20:220, 20:220], whole[1, 20:220, 20:220], rtol=1e-9)


def test_only_planes_near_the_gap_are_read() -> None:
    gap = drifting_gap(DRIFT)
    deep = np.concatenate([np.full((30, SIZE, SIZE), np.nan), gap.before])
    high = np.concatenate([gap.after, np.full((30, SIZE, SIZE), np.nan)])
    before, after = Counting(deep), Counting(high)
    volume, diagnostics = interpolate_z_morph(before, after, QUICK, 3)
    assert volume is not None
    # Five planes searched, and one more that the slab around the outermost may take.
    assert {35} <= before.read <= set(range(30, 36))
    assert {0} <= after.read <= set(range(6))
    assert diagnostics.ref_before is not None
    assert 31 <= diagnostics.ref_before <= 35


def test_a_lazy_volume_gives_the_same_as_an_array(tmp_path: Path) -> None:
    gap = drifting_gap(DRIFT)
    sides = {"before": gap.before.astype(np.uint16), "after": gap.after.astype(np.uint16)}
    for name, data in sides.items():
        write_image(tmp_path / f"{name}.ome.zarr", data, (10.0, 10.0, 10.0))
    lazy = [open_volume(tmp_path / f"{name}.ome.zarr") for name in sides]
    from_disk, _ = interpolate_z_morph(*lazy, QUICK, 3)
    from_memory, _ = interpolate_z_morph(*sides.values(), QUICK, 3)
    assert from_disk is not None
    assert from_memory is not None
    assert from_disk.tobytes() == from_memory.tobytes()


def test_an_aligned_pair_passes_though_its_likeness_cannot_rise() -> None:
    gap = drifting_gap(STILL)
    volume, diagnostics = interpolate_z_morph(gap.before, gap.after, settings(min_ncc_improvement=1.0), 5)
    assert volume is not None
    assert diagnostics.gate == "already_aligned"
    assert diagnostics.displacement_rms_px is not None
    assert diagnostics.displacement_rms_px < 0.5
    assert psnr(volume, np.broadcast_to(gap.truth[0], volume.shape)) > 35


def test_an_aligned_pair_must_be_as_alike_as_any_other() -> None:
    planes = [registration_plane(noisy(tissue_plane(seed=seed), seed)) for seed in (0, 1)]
    still = Affine2D.identity(CENTER)
    likeness = judge(still, *planes, settings(min_post_correlation=-1)).post_ncc
    assert likeness is not None
    assert likeness < 0.5
    just_below = judge(
        still, *planes, settings(min_overlap_correlation=likeness - 0.01, min_post_correlation=-1)
    )
    just_above = judge(
        still, *planes, settings(min_overlap_correlation=likeness + 0.01, min_post_correlation=-1)
    )
    assert (just_below.gate, just_below.reason) == ("already_aligned", None)
    assert (just_above.gate, just_above.reason) == ("already_aligned", "reg_did_not_improve")


def test_a_small_motion_must_earn_its_blur(monkeypatch: pytest.MonkeyPatch) -> None:
    gap = drifting_gap(STILL)
    returning(monkeypatch, Affine2D.rigid(0, (0.4, 0.0), CENTER))
    volume, diagnostics = interpolate_z_morph(gap.before, gap.after, output_z=3)
    assert volume is not None
    assert (diagnostics.gate, diagnostics.affine_translation) == ("already_aligned", (0, 0))
    assert "left in place: registration found 0.40 px" in diagnostics.detail
    # Where it does gain enough, a small motion is made like any other.
    small = Affine2D.rigid(0, (1.9, 0.0), CENTER)
    moved = drifting_gap(Drift(0, (1.9, 0.0)))
    returning(monkeypatch, small)
    _, diagnostics = interpolate_z_morph(moved.before, moved.after, settings(min_ncc_improvement=0.01), 3)
    assert (diagnostics.gate, diagnostics.detail) == ("already_aligned", "")
    assert diagnostics.affine_translation == (1.9, 0.0)


def test_a_motion_that_makes_it_worse_gives_way_to_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    gap = drifting_gap(STILL)
    returning(monkeypatch, Affine2D.rigid(4, (7, -3), CENTER))
    volume, diagnostics = interpolate_z_morph(gap.before, gap.after, output_z=3)
    assert volume is not None
    assert diagnostics.gate == "already_aligned"
    assert diagnostics.affine_matrix == ((1, 0), (0, 1))
    assert diagnostics.affine_translation == (0, 0)
    assert diagnostics.pre_reg_ncc == diagnostics.post_reg_ncc
    assert psnr(volume, gap.truth[:3]) > 35


Volumes = tuple[Array, Array]


def agarose(depth: int = 3) -> Array:
    """A volume without tissue."""
    return np.stack([agarose_plane(seed) for seed in range(depth)])


def unrelated() -> Volumes:
    """Two slices of the same outline and other tissue."""
    return drifting_gap(DRIFT).before, drifting_gap(DRIFT, seed=1).after


def drifting() -> Volumes:
    """Two slices that zmorph fills by default."""
    gap = drifting_gap(DRIFT)
    return gap.before, gap.after


@pytest.mark.parametrize(
    ("volumes", "changes", "motion", "reason"),
    [
        pytest.param(lambda: (agarose(), agarose()), {}, None, "no_foreground_planes", id="agarose"),
        pytest.param(
            lambda: (agarose(), drifting()[1]), {}, None, "no_foreground_planes", id="agarose above"
        ),
        pytest.param(
            lambda: (drifting()[0], agarose()), {}, None, "no_foreground_planes", id="agarose below"
        ),
        pytest.param(drifting, {"min_foreground_fraction": 0.9}, None, "no_foreground_planes", id="small"),
        pytest.param(unrelated, {}, None, "reg_did_not_improve", id="unrelated"),
        pytest.param(drifting, {"min_overlap_correlation": 0.999}, None, "low_overlap_ncc", id="strict"),
        pytest.param(drifting, {"max_rotation_deg": 0.5}, None, "implausible_affine", id="turned"),
        pytest.param(drifting, {"max_shift_fraction": 0.005}, None, "implausible_affine", id="shifted"),
        pytest.param(drifting, {"min_ncc_improvement": 1.0}, None, "reg_did_not_improve", id="no gain"),
        pytest.param(drifting, {}, RegistrationError("lost"), "registration_exception", id="raised"),
        pytest.param(
            drifting, {}, Affine2D.of([[1, float("nan")], [0, 1]], (0, 0)), "registration_exception", id="nan"
        ),
        pytest.param(
            drifting, {}, Affine2D.of([[1, 0], [0, 1]], (float("inf"), 0)), "registration_exception", id="inf"
        ),
        pytest.param(
            drifting,
            {},
            Affine2D.of([[-1, 0], [0, 1]], (0, 0), CENTER),
            "affine_determinant_non_positive",
            id="mirror",
        ),
        pytest.param(
            drifting,
            {},
            Affine2D.of([[1, 1], [1, 1]], (0, 0), CENTER),
            "affine_determinant_non_positive",
            id="flat",
        ),
    ],
)
def test_every_reason_can_be_reached_and_leaves_no_volume(
    monkeypatch: pytest.MonkeyPatch, volumes: Any, changes: dict[str, float], motion: Any, reason: str
) -> None:
    if motion is not None:
        returning(monkeypatch, motion)
    volume, diagnostics = interpolate_z_morph(*volumes(), settings(max_iterations=200, **changes), 2)
    assert volume is None
    assert diagnostics.fallback_reason == reason
    assert diagnostics.interpolation_failed
    assert diagnostics.method_used is None
    assert diagnostics.nz_out is None
    assert diagnostics.detail
    dumped = json.loads(diagnostics.model_dump_json(), parse_constant=pytest.fail)
    assert dumped["fallback_reason"] == reason


def by_half(volume: Array, axis: int) -> Array:
    """The volume, shifted in a circle by half of its plane."""
    return np.roll(volume, SIZE // 2, axis)


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("decoy", [np.flip, by_half], ids=["mirror", "half"])
def test_decoys_are_refused(decoy: Any, axis: int) -> None:
    # The tissue of seed 0 happens to be half like its own mirror image.
    gap = drifting_gap(DRIFT, seed=3)
    volume, diagnostics = interpolate_z_morph(gap.before, decoy(gap.after, axis), QUICK, 2)
    assert volume is None
    assert diagnostics.interpolation_failed


LIMITS = [
    ("rotation", Affine2D.rigid(9.5, (0, 0), CENTER), Affine2D.rigid(10.5, (0, 0), CENTER)),
    ("rotation", Affine2D.rigid(-9.5, (0, 0), CENTER), Affine2D.rigid(-10.5, (0, 0), CENTER)),
    (
        "scale",
        Affine2D.of([[1.14, 0], [0, 1]], (0, 0), CENTER),
        Affine2D.of([[1.16, 0], [0, 1]], (0, 0), CENTER),
    ),
    (
        "scale",
        Affine2D.of([[1, 0], [0, 0.88]], (0, 0), CENTER),
        Affine2D.of([[1, 0], [0, 0.86]], (0, 0), CENTER),
    ),
    (
        "shear",
        Affine2D.of([[1, 0.07], [0, 1]], (0, 0), CENTER),
        Affine2D.of([[1, 0.09], [0, 1]], (0, 0), CENTER),
    ),
    ("shift", Affine2D.rigid(0, (0, -37), CENTER), Affine2D.rigid(0, (0, -40), CENTER)),
]


@pytest.mark.parametrize(("name", "within", "beyond"), LIMITS)
def test_motions_beyond_what_a_cut_can_do_are_named(name: str, within: Affine2D, beyond: Affine2D) -> None:
    plane = registration_plane(noisy(tissue_plane(), 1))
    verdict = judge(beyond, plane, plane, settings())
    assert verdict.reason == "implausible_affine"
    assert name in verdict.detail
    assert judge(within, plane, plane, settings()).reason != "implausible_affine"


PAIR = [registration_plane(noisy(tissue_plane(DRIFT.at(s)), int(s) + 1)) for s in (1.0, 0.0)]
thresholds = st.floats(0, 1)


@given(st.floats(0, 1.4), thresholds, thresholds)
@examples(max_examples=30, deadline=None)
def test_a_lower_improvement_never_turns_a_pass_into_a_refusal(share: float, a: float, b: float) -> None:
    low, high = sorted((a, b))
    strict, lax = (judge(DRIFT.at(share), *PAIR, settings(min_ncc_improvement=t)) for t in (high, low))
    assert strict.reason is not None or lax.reason is None
    if strict.motion == lax.motion:
        assert (strict.pre_ncc, strict.post_ncc) == (lax.pre_ncc, lax.post_ncc)


@given(st.floats(0, 1.4), thresholds)
@examples(max_examples=30, deadline=None)
def test_a_motion_passes_exactly_when_it_gains_enough(share: float, threshold: float) -> None:
    verdict = judge(DRIFT.at(share), *PAIR, settings(min_ncc_improvement=threshold))
    assert verdict.pre_ncc is not None
    assert verdict.post_ncc is not None
    gain = verdict.post_ncc - verdict.pre_ncc
    if verdict.gate == "improved":
        assert (verdict.reason is None) == (gain >= wanted_gain(verdict.pre_ncc, threshold))
        assert verdict.displacement_px is not None
        assert verdict.displacement_px > 1.0
    else:
        assert (verdict.reason is None) == (gain >= 0 and verdict.post_ncc >= 0.65)


@pytest.mark.parametrize(("pre", "wanted"), [(-0.4, 0.05), (0.5, 0.05), (0.75, 0.025), (1.0, 0.0)])
def test_less_gain_is_wanted_where_less_is_left_to_gain(pre: float, wanted: float) -> None:
    assert wanted_gain(pre, 0.05) == pytest.approx(wanted)


def test_the_likeness_threshold_parts_passes_from_refusals_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gap = drifting_gap(DRIFT)
    returning(monkeypatch, gap.motion)
    passed = {}
    for threshold in (-1.0, 0.0, 0.3, 0.6, 0.8, 0.95, 0.999):
        strict = settings(min_overlap_correlation=threshold, overlap_search_window=1)
        volume, diagnostics = interpolate_z_morph(gap.before, gap.after, strict, 2)
        assert diagnostics.overlap_ncc is not None
        assert (volume is not None) == (diagnostics.overlap_ncc >= threshold)
        passed[threshold] = volume is not None
    assert list(passed.values()) == sorted(passed.values(), reverse=True)
    assert set(passed.values()) == {True, False}


def test_drift_and_speckle_do_not_hide_likeness() -> None:
    rng = np.random.default_rng(0)
    planes = [
        tissue_plane(Drift(shift=(8.0 * s, -8.0 * s)).at(1)) * rng.gamma(4, 1 / 4, (SIZE, SIZE))
        for s in (0, 1)
    ]
    found = find_best_overlap_planes(planes[0][None], planes[1][None], settings())
    assert found is not None
    assert found.ncc > 0.6
    assert (
        ncc(planes[0].astype(np.float32)[64:192, 64:192], planes[1].astype(np.float32)[64:192, 64:192]) < 0.3
    )


def test_the_middle_decides_which_planes_are_alike() -> None:
    # Two candidates: alike in the middle only, and alike around it, which is three times as much.
    def texture(seed: int) -> Array:
        grain = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((240, 240)), 8.0)
        plane = 1000 + 300 * grain / grain.std()
        plane[:4], plane[:, :4] = 10, 10
        return np.clip(plane, 10, None).astype(np.float32)

    wanted, other = texture(1), texture(2)
    middle = np.s_[60:180, 60:180]
    inner, outer = other.copy(), wanted.copy()
    inner[middle], outer[middle] = wanted[middle], other[middle]
    found = find_best_overlap_planes(wanted[None], np.stack([outer, inner]), settings())
    assert found is not None
    assert found.ref_after == 1


@pytest.mark.parametrize(("ref_before", "ref_after"), [(5, 0), (3, 0), (5, 2), (2, 3)])
def test_the_boundary_pair_is_the_one_that_is_most_alike(ref_before: int, ref_after: int) -> None:
    # All other planes show tissue of their own.
    before = np.stack([noisy(tissue_plane(seed=10 + z), z) for z in range(6)])
    after = np.stack([noisy(tissue_plane(seed=20 + z), z) for z in range(6)])
    before[ref_before], after[ref_after] = noisy(tissue_plane(), 50), noisy(tissue_plane(), 51)
    found = find_best_overlap_planes(before, after, settings())
    assert found is not None
    assert (found.ref_before, found.ref_after) == (ref_before, ref_after)
    assert found.ncc > 0.9


def test_planes_beyond_the_window_or_without_tissue_are_no_candidates() -> None:
    gap = drifting_gap(STILL)
    before = np.concatenate([gap.before, agarose(2)])
    found = find_best_overlap_planes(before, gap.after, settings())
    assert found is not None
    assert found.ref_before in range(3, 6)
    assert find_best_overlap_planes(before, gap.after, settings(overlap_search_window=2)) is None
    one = find_best_overlap_planes(gap.before, gap.after, settings(overlap_search_window=1))
    assert one is not None
    assert (one.ref_before, one.ref_after) == (5, 0)


def test_of_equal_pairs_the_one_nearest_the_gap_is_taken() -> None:
    same = np.repeat(noisy(tissue_plane(), 1)[None], 4, axis=0)
    found = find_best_overlap_planes(same, same, settings())
    assert found is not None
    assert (found.ref_before, found.ref_after) == (3, 0)


@pytest.mark.parametrize(
    ("size", "wanted"), [(1, ((5, 5), (0, 0))), (3, ((4, 5), (0, 1))), (50, ((0, 5), (0, 5)))]
)
def test_slabs_are_clamped_to_the_volume(size: int, wanted: tuple[tuple[int, int], tuple[int, int]]) -> None:
    gap = drifting_gap(STILL)
    narrow = settings(reference_slab_size=size, overlap_search_window=1, max_iterations=200)
    _, diagnostics = interpolate_z_morph(gap.before, gap.after, narrow, 1)
    assert (diagnostics.slab_before_range, diagnostics.slab_after_range) == wanted


def test_what_one_side_alone_shows_is_not_faded_to_nothing() -> None:
    gap = drifting_gap(STILL)
    side = gap.before.shape[2]
    hidden = 24
    before = seen_through(gap.before[:, :, :-hidden], Window(offset=(0, 0), plane_shape=(side, side)))
    after = seen_through(gap.after[:, :, hidden:], Window(offset=(hidden, 0), plane_shape=(side, side)))
    volume, diagnostics = interpolate_z_morph(before, after, settings(), output_z=5)
    assert volume is not None
    assert diagnostics.gate == "already_aligned"
    for plane in volume[1:-1]:
        np.testing.assert_allclose(plane[:, :hidden], gap.before[-1][:, :hidden], rtol=1e-5)
        np.testing.assert_allclose(plane[:, -hidden:], gap.after[0][:, -hidden:], rtol=1e-5)


def test_pixels_pulled_from_outside_carry_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    gap = drifting_gap(Drift(shift=(20.0, 0.0)))
    returning(monkeypatch, gap.motion)
    volume, _ = interpolate_z_morph(gap.before, gap.after, settings(blend_method="linear"), 3)
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
            before[None], after[None], settings(blend_method=method, min_tissue_overlap=0), 1
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


def test_a_feather_is_1_on_tissue_and_falls_with_the_distance() -> None:
    tissue = np.zeros((5, 60), bool)
    tissue[:, :20] = True
    weight = feather(tissue)
    assert (weight[tissue] == 1).all()
    assert (np.diff(weight[2, 19:]) <= 0).all()
    assert weight[2, 20] > weight[2, 30] > 0
    assert (feather(np.zeros((4, 4), bool)) == 1).all()


@pytest.mark.parametrize(
    ("alpha", "weights", "wanted"),
    [
        (0.25, (1, 1), 12.5),
        (0.5, (1, 0), 10.0),
        (0.5, (0, 1), 20.0),
        (0.5, (0, 0), -7.0),
        (0.5, (0.25, 0.75), 17.5),
    ],
)
def test_a_cross_fade_of_known_weights(alpha: float, weights: tuple[float, float], wanted: float) -> None:
    ten, twenty = np.full((2, 3), 10.0), np.full((2, 3), 20.0)
    before, after = (np.full((2, 3), w) for w in weights)
    np.testing.assert_allclose(cross_fade(alpha, (ten, twenty), (before, after), background=-7.0), wanted)


@pytest.mark.parametrize("volumes", [drifting, unrelated])
def test_diagnostics_survive_json_without_nan(volumes: Any) -> None:
    _, diagnostics = interpolate_z_morph(*volumes(), QUICK, 3)
    text = diagnostics.model_dump_json()
    written = json.loads(text, parse_constant=pytest.fail)
    assert InterpolationDiagnostics.model_validate_json(text) == diagnostics
    assert written["settings"] == json.loads(QUICK.model_dump_json())
    assert {"python", "numpy", "scipy", "itk-elastix"} <= set(written["versions"])
    assert written["seconds"] > 0


def test_the_same_input_gives_the_same_bits() -> None:
    first, second = (interpolate_z_morph(*drifting(), QUICK, 3)[0] for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 3, 4)), r"vol_before has shape \(2, 3\)"),
        (np.zeros((2, 3, 4)), np.zeros((0, 3, 4)), r"vol_after has shape \(0, 3, 4\)"),
        (np.zeros((2, 3, 4), "u1"), np.zeros((2, 3, 4), "u2"), "wanted the same"),
        (np.zeros((2, 3, 4), "c8"), np.zeros((2, 3, 4), "c8"), "real number"),
    ],
)
def test_volumes_that_cannot_be_morphed_are_refused(before: Array, after: Array, message: str) -> None:
    with pytest.raises(VolumeError, match=message):
        interpolate_z_morph(before, after)


def test_the_average_is_the_mean_of_planes_of_the_same_depth() -> None:
    before = np.arange(5, dtype=np.float32)[:, None, None] * np.ones((5, 2, 3), np.float32)
    after = 10 * before
    np.testing.assert_allclose(interpolate_average(before, after)[:, 0, 0], [0, 5.5, 11, 16.5, 22])
    np.testing.assert_allclose(interpolate_average(before, after, 3)[:, 1, 2], [0, 11, 22])
    np.testing.assert_allclose(interpolate_average(before, after[:3], 5)[-1, 0, 0], (4 + 20) / 2)


def test_the_average_keeps_dtype_and_pads() -> None:
    average = interpolate_average(np.full((2, 2, 3), 11, np.uint8), np.full((2, 3, 2), 21, np.uint8))
    assert average.dtype == np.uint8
    # Zeros where a plane was padded, 5.5 and 10.5 rounded to the even neighbour.
    assert average[0].tolist() == [[16, 16, 6], [16, 16, 6], [10, 10, 0]]


def test_the_weighted_baseline_is_the_average_smoothed_along_z() -> None:
    before = np.zeros((33, 2, 2))
    before[16] = 2.0
    weighted = interpolate_weighted(before, np.zeros((33, 2, 2)))
    # Of an impulse of 1 in the average: a gaussian of sigma 2 planes, cut at 4 sigma.
    kernel = np.exp(-0.5 * (np.arange(-8, 9) / 2.0) ** 2)
    np.testing.assert_allclose(weighted[8:25, 0, 0], kernel / kernel.sum(), atol=1e-12)
    np.testing.assert_allclose(weighted[:8], 0, atol=1e-12)
    constant = interpolate_weighted(np.full((4, 2, 2), 9, np.uint8), np.full((4, 2, 2), 9, np.uint8), 6)
    assert constant.shape == (6, 2, 2)
    assert (constant == 9).all()
