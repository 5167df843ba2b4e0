"""Pairs of slices: known drifts come back with their sign, from the planes that match."""

from __future__ import annotations

import numpy as np
import pytest
from counting_volume import CountingVolume
from deep_tissue import CENTER, SHAPE, Specimen, rms_apart
from registered_pairs import DEEP, INTERVAL, VOXEL, drifted, motion_of, registered, returning, settings

from schemas.common_space import Window
from soct_core.affine import Affine2D, plane_center, shift_by
from soct_core.pairwise.register import Pair, register_slices
from soct_core.volume.views import seen_through


@pytest.mark.parametrize(
    ("degrees", "shift"),
    [(0.0, (9.0, 0.0)), (0.0, (0.0, -7.0)), (1.9, (0.0, 0.0)), (-1.9, (0.0, 0.0)), (0.8, (-6.3, 4.2))],
)
def test_known_drift_is_found_with_its_sign(degrees: float, shift: tuple[float, float]) -> None:
    motion = Affine2D.rigid(degrees, shift, CENTER)
    fixed, moving = drifted(motion)
    transform, metrics = registered(fixed, moving)
    found = motion_of(transform)
    assert rms_apart(motion, Affine2D.identity()) > 1
    assert rms_apart(found, motion) < 0.15
    assert rms_apart(found.inverse(), motion) > 1
    assert found.center == CENTER
    assert found.rotation_deg == pytest.approx(degrees, abs=0.1)
    np.testing.assert_allclose(found.translation, shift, atol=0.15)
    assert transform is not None
    assert (transform.fixed_id, transform.moving_id) == (2, 3)
    assert transform.rotation_deg == pytest.approx(found.rotation_deg)
    assert transform.voxel_size_um == VOXEL
    assert transform.plane_shape == SHAPE
    # The metrics tell the same motion, and that it is good.
    assert (metrics.translation_x, metrics.translation_y) == transform.translation
    assert metrics.rotation_deg == transform.rotation_deg
    assert metrics.translation_magnitude == pytest.approx(np.hypot(*shift), abs=0.15)
    assert metrics.reliable
    assert metrics.registration_confidence > 0.9
    assert metrics.post_ncc is not None
    assert metrics.pre_ncc is not None
    assert metrics.post_ncc > max(0.98, metrics.pre_ncc)
    # RMS distance of tissue from the centre: half the root of the squared half axes.
    assert metrics.tissue_radius_px == pytest.approx(np.hypot(52, 44) / 2, rel=0.05)


@pytest.mark.parametrize(
    ("degrees", "shift"), [(5.0, (0.0, 0.0)), (-15.0, (3.0, 2.0)), (15.0, (0.0, 0.0)), (0.0, (30.0, 0.0))]
)
def test_a_block_that_was_mounted_anew_is_found_and_believed(
    degrees: float, shift: tuple[float, float]
) -> None:
    motion = Affine2D.rigid(degrees, shift, CENTER)
    transform, metrics = registered(*drifted(motion), translation_warn_px=10.0, translation_error_px=20.0)
    assert rms_apart(motion_of(transform), motion) < 0.3
    assert (metrics.overall_status, metrics.reliable) == ("warning", True)
    assert any("all evidence agrees on it" in reason for reason in metrics.reasons)
    assert metrics.disagreement_px is not None
    assert metrics.disagreement_px < 0.5


@pytest.mark.parametrize("side", ["fixed", "moving"])
def test_slices_of_different_plane_shapes_are_laid_over_each_other(side: str) -> None:
    motion = Affine2D.rigid(0.7, (4.0, -3.0), CENTER)
    fixed, moving = drifted(motion)
    if side == "fixed":
        fixed = fixed[:, :112, :125]
    else:
        moving = moving[:, :112, :125]
    transform, _ = registered(fixed, moving)
    assert transform is not None
    assert transform.plane_shape == SHAPE
    assert rms_apart(motion_of(transform), motion) < 0.15


@pytest.mark.parametrize(
    ("fixed_at", "moving_at"), [((0, 0), (0, 0)), ((12, 0), (0, 9)), ((0, 0), (10, 10)), ((3, 1), (0, 2))]
)
def test_the_edges_of_what_was_imaged_are_not_taken_for_tissue(
    fixed_at: tuple[int, int], moving_at: tuple[int, int]
) -> None:
    # Two slices at different stage positions, in agarose, seen through their windows.
    shape = 130, 148
    motion = Affine2D.rigid(0.5, (2.0, -1.0), plane_center(shape))
    specimen, here = Specimen(), shift_by(-5, -5)
    volumes = [
        specimen.slice_at(range(7), here.compose(motion).compose(shift_by(*fixed_at)), 1),
        specimen.slice_at(range(INTERVAL, INTERVAL + 3), here.compose(shift_by(*moving_at)), 2),
    ]
    windows = [Window(offset=at, plane_shape=shape) for at in (fixed_at, moving_at)]
    seen = [seen_through(volume, window) for volume, window in zip(volumes, windows, strict=True)]
    transform, metrics = registered(*seen)
    to_specimen = here.compose(motion_of(transform)).compose(here.inverse())
    assert rms_apart(to_specimen, here.compose(motion).compose(here.inverse())) < 0.15
    assert metrics.registration_confidence > 0.7


@pytest.mark.parametrize("deeper", [-3, -1, 0, 2])
def test_the_plane_that_the_lower_slice_continues_is_found(deeper: int) -> None:
    motion = Affine2D.rigid(-0.6, (5.0, 2.0), CENTER)
    # Anatomy that drifts with depth: the motion to any other plane is another one.
    transform, metrics = registered(*drifted(motion, deeper, specimen=Specimen(drift=(0.15, 0.1))))
    assert metrics.z_source == "matched"
    assert metrics.moving_z_index == 2
    assert metrics.expected_z_index == INTERVAL + 2
    # Cut deeper than expected: what moving shows lies deeper in fixed.
    assert metrics.z_index == INTERVAL + 2 + deeper
    assert metrics.z_drift == deeper
    assert metrics.z_correlation is not None
    assert metrics.z_correlation > 0.95
    assert rms_apart(motion_of(transform), motion) < 0.15


def test_of_planes_all_alike_the_expected_one_is_taken() -> None:
    fixed, moving = drifted(Affine2D.rigid(0, (3.0, 0.0), CENTER))
    _, metrics = registered(np.repeat(fixed[7:8], DEEP, axis=0), moving)
    assert (metrics.z_index, metrics.z_drift) == (INTERVAL + 2, 0)


def test_a_slice_not_imaged_that_deep_is_compared_by_its_deepest_plane() -> None:
    motion = Affine2D.rigid(0.5, (-4.0, 5.0), CENTER)
    fixed, moving = drifted(motion, fixed_planes=6)
    transform, metrics = registered(fixed, moving)
    assert metrics.z_source == "nominal"
    assert (metrics.z_index, metrics.expected_z_index, metrics.z_drift) == (5, INTERVAL + 2, None)
    assert rms_apart(motion_of(transform), motion) < 0.15


@pytest.mark.parametrize(
    ("fixed_nz", "span_um", "fixed_planes"),
    [
        # 2 and 0: the depth of the moving plane and the top, which match only after a mishap.
        pytest.param(6, 0.0, {5, 2, 0}, id="nominal"),
        pytest.param(6, 60.0, {5, 2, 0}, id="nominal, and what tells anatomy"),
        pytest.param(DEEP, 0.0, {*range(4, 11), 2, 0}, id="matched within the search range"),
        pytest.param(9, 0.0, {*range(4, 9), 2, 0}, id="matched down to the deepest plane"),
    ],
)
def test_only_the_planes_compared_are_read(fixed_nz: int, span_um: float, fixed_planes: set[int]) -> None:
    above, below = drifted(shift_by(3, 0), fixed_planes=fixed_nz)
    fixed, moving = CountingVolume(above), CountingVolume(below)
    registered(fixed, moving, anatomy_span_um=span_um)
    assert set(fixed.planes) == fixed_planes
    assert dict(moving.planes) == {2: 2, 3: 1}


@pytest.mark.parametrize("motion", [(0.0, 0.0, 0.0), (0.6, 12.0, -9.0), (-0.6, -15.0, 3.0)])
@pytest.mark.parametrize("planes", [6, DEEP])
def test_good_pairs_are_confident(motion: tuple[float, float, float], planes: int) -> None:
    degrees, x, y = motion
    _, metrics = registered(*drifted(Affine2D.rigid(degrees, (x, y), CENTER), fixed_planes=planes))
    assert metrics.registration_confidence > 0.7
    assert metrics.overall_status == "ok"
    assert metrics.reasons == ()


@pytest.mark.parametrize(("shift", "error"), [((0.0, 12.0), False), ((12.0, 0.0), True)])
def test_lengths_in_um_are_true_where_pixels_are_not_square(
    monkeypatch: pytest.MonkeyPatch, shift: tuple[float, float], error: bool
) -> None:
    # 12 px are 120 µm along y and 300 µm along x.
    returning(monkeypatch, Affine2D.rigid(0, shift, CENTER))
    fixed, moving = drifted(Affine2D.rigid(0, shift, CENTER))
    limits = settings(translation_warn_um=200.0, translation_error_um=200.0)
    _, metrics = register_slices(fixed, moving, Pair(2, 3, float(INTERVAL)), (20.0, 10.0, 25.0), limits)
    assert any("translation" in reason for reason in metrics.reasons) == error
    assert metrics.overall_status == ("error" if error else "ok")
