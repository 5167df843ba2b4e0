"""Pairs of slices: known drifts with the right sign, and confidence that means something."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from counting_volume import CountingVolume
from deep_tissue import CENTER, SHAPE, Specimen, agarose_slice, rms_apart
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from schemas.common_space import Window
from schemas.pairwise import PairRole, PairwiseMetrics, RigidTransform
from schemas.settings import PairwiseSettings
from soct_core.affine import Affine2D, plane_center, shift_by
from soct_core.errors import RecordError, RegistrationError
from soct_core.file_names import METRICS, TRANSFORM, TRANSFORM_ITK, pair_name
from soct_core.pairwise.anatomy import AnatomyRate, anatomy_rate, mean_rate
from soct_core.pairwise.confidence import Evidence, confidence, status
from soct_core.pairwise.files import read_pair, write_pair
from soct_core.pairwise.register import Pair, register_slices
from soct_core.pairwise.z_match import best_z, z_curve, z_search
from soct_core.planes.warp import coverage, warp
from soct_core.registration.working_plane import registration_plane
from soct_core.stacking.pair_motions import pair_motions
from soct_core.volume.views import seen_through

Array = NDArray[Any]
VOXEL = (20.0, 10.0, 10.0)
INTERVAL = 5
"""Planes of a slot of 100 µm."""
DEEP = 12
"""Planes of a slice that was imaged deeper than its slot."""
POINTS = np.array([[0.0, 0.0], [135.0, 0.0], [0.0, 119.0], [60.0, 50.0]])


def settings(**values: Any) -> PairwiseSettings:
    """A short search of 3 planes, and no anatomy unless asked for."""
    quick = {"max_iterations": 200, "search_range_um": 60.0, "anatomy_span_um": 0.0}
    return PairwiseSettings.model_validate(quick | values)


def registered(
    fixed: Any, moving: Any, *, role: PairRole = "neighbours", touches: bool = False, **values: Any
) -> tuple[RigidTransform | None, PairwiseMetrics]:
    """Register slice 3 to slice 2, one interval apart."""
    return register_slices(
        fixed, moving, Pair(2, 3, float(INTERVAL), role, touches), VOXEL, settings(**values)
    )


def motion_of(transform: RigidTransform | None) -> Affine2D:
    """The motion that a transform tells."""
    assert transform is not None
    return Affine2D.of(transform.matrix, transform.translation, transform.center)


def drifted(
    motion: Affine2D, deeper: int = 0, fixed_planes: int = DEEP, specimen: Specimen | None = None
) -> tuple[Array, Array]:
    """Two slices with `moving(motion(x)) = fixed(x)`; the lower one cut deeper than it should be."""
    tissue, top = specimen or Specimen(), INTERVAL + deeper
    return tissue.slice_at(range(fixed_planes), motion, 1), tissue.slice_at(range(top, top + 4), None, 2)


def returning(monkeypatch: pytest.MonkeyPatch, motion: Affine2D | Exception) -> None:
    """Let every registration say the same: the motion from upper to lower, or raise."""
    seen: list[Any] = []

    def register(fixed: Any, moving: Any, *_: object) -> Affine2D:
        if isinstance(motion, Exception):
            raise motion
        seen.append(moving)
        # There and back: whoever was moving first stays the lower slice.
        return motion if moving is seen[0] else motion.inverse()

    monkeypatch.setattr("soct_core.pairwise.register.register", register)


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


@pytest.mark.parametrize("side", [120, 260])
def test_the_same_plane_is_wholly_alike_whatever_its_size(side: int) -> None:
    # Above 125 pixels smoothing grows with the side: both planes must get the same.
    fine = ndimage.gaussian_filter(np.random.default_rng(4).random((12, side, side + 20)), (2.0, 3.0, 3.0))
    fixed = (1000 * (fine - fine.min())).astype(np.float32)
    moving = registration_plane(fixed[7])
    search = z_search(12, 4, 7.0, 10.0, PairwiseSettings(moving_z_um=0.0, search_range_um=40.0))
    identity = Affine2D.identity(plane_center(moving.shape))
    best, likeness = best_z(search, z_curve(fixed, search, moving, identity))
    assert best == 7
    assert likeness > 0.9999


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
        pytest.param(6, 0.0, {5}, id="nominal"),
        pytest.param(6, 60.0, {5, 2}, id="nominal, and what tells anatomy"),
        pytest.param(DEEP, 0.0, set(range(4, 11)), id="matched within the search range"),
        pytest.param(9, 0.0, set(range(4, 9)), id="matched down to the deepest plane"),
    ],
)
def test_only_the_planes_compared_are_read(fixed_nz: int, span_um: float, fixed_planes: set[int]) -> None:
    above, below = drifted(shift_by(3, 0), fixed_planes=fixed_nz)
    fixed, moving = CountingVolume(above), CountingVolume(below)
    registered(fixed, moving, anatomy_span_um=span_um)
    assert set(fixed.planes) == fixed_planes
    assert dict(moving.planes) == {2: 1}


@pytest.mark.parametrize(
    ("voxel_z", "moving_nz", "plane"),
    [(10.0, 9, 4), (15.0, 9, 2), (25.0, 9, 1), (50.0, 9, 0), (40 / 3, 9, 3), (0.1, 999, 400), (10.0, 3, 2)],
)
def test_the_moving_plane_lies_40_um_deep_rounded_down(voxel_z: float, moving_nz: int, plane: int) -> None:
    assert z_search(1000, moving_nz, 20.0, voxel_z, PairwiseSettings()).moving_z == plane


@pytest.mark.parametrize(
    ("fixed_nz", "offset", "reach_um", "candidates", "source"),
    [
        pytest.param(60, 20.0, 100.0, range(14, 35), "matched", id="deep"),
        pytest.param(30, 20.0, 100.0, range(14, 30), "matched", id="ends below the expected plane"),
        pytest.param(25, 20.0, 100.0, range(14, 25), "matched", id="ends at the expected plane"),
        pytest.param(24, 20.0, 100.0, range(23, 24), "nominal", id="ends above the expected plane"),
        pytest.param(20, 20.0, 100.0, range(19, 20), "nominal", id="one slot"),
        pytest.param(60, 2.0, 100.0, range(0, 17), "matched", id="near the top"),
        pytest.param(60, 20.0, 0.0, range(24, 25), "matched", id="no search"),
    ],
)
def test_which_planes_are_searched(
    fixed_nz: int, offset: float, reach_um: float, candidates: range, source: str
) -> None:
    search = z_search(fixed_nz, 40, offset, 10.0, PairwiseSettings(search_range_um=reach_um))
    assert (search.candidates, search.source) == (candidates, source)
    assert search.expected == offset + 4
    assert search.start == min(candidates, key=lambda z: abs(z - search.expected))


def test_a_pair_that_touches_an_interpolated_slice_is_never_believed() -> None:
    fixed, moving = drifted(shift_by(3, 0))
    assert registered(fixed, moving)[1].registration_confidence > 0.9
    transform, metrics = registered(fixed, moving, touches=True)
    assert transform is not None
    assert not metrics.reliable
    assert metrics.overall_status == "error"
    assert metrics.registration_confidence == 0
    assert metrics.reasons[0] == "touches an interpolated slice"
    # Its numbers stay true.
    assert metrics.translation_x == pytest.approx(3, abs=0.15)
    assert metrics.post_ncc is not None
    assert metrics.post_ncc > 0.98


def test_a_registration_that_fails_leaves_no_transform(monkeypatch: pytest.MonkeyPatch) -> None:
    returning(monkeypatch, RegistrationError("the optimiser fell over"))
    transform, metrics = registered(*drifted(shift_by(3, 0)))
    assert transform is None
    assert metrics.overall_status == "error"
    assert not metrics.reliable
    assert metrics.registration_confidence == 0
    assert metrics.reasons == ("registration failed: the optimiser fell over",)
    assert metrics.translation_x is metrics.translation_y is metrics.rotation_deg is None
    assert metrics.z_drift is None


@pytest.mark.parametrize("blank", ["fixed", "moving", "both"])
def test_a_blank_slice_leaves_no_transform(blank: str) -> None:
    fixed, moving = drifted(shift_by(3, 0))
    if blank != "moving":
        fixed = np.zeros_like(fixed)
    if blank != "fixed":
        moving = np.full_like(moving, 7)
    transform, metrics = registered(fixed, moving)
    assert transform is None
    assert (metrics.overall_status, metrics.registration_confidence) == ("error", 0)
    assert "constant" in metrics.reasons[0]


@pytest.mark.parametrize("side", ["fixed", "moving", "both"])
def test_agarose_alone_is_not_confident(side: str) -> None:
    fixed, moving = drifted(shift_by(3, 0))
    if side != "moving":
        fixed = agarose_slice(DEEP, 1)
    if side != "fixed":
        moving = agarose_slice(4, 2)
    _, metrics = registered(fixed, moving)
    assert metrics.registration_confidence < 0.3
    assert metrics.overall_status == "error"
    assert not metrics.reliable


@pytest.mark.parametrize("seed", range(1, 4))
def test_unrelated_tissue_is_not_confident(seed: int) -> None:
    fixed, _ = drifted(shift_by(3, 0))
    _, metrics = registered(fixed, Specimen(seed).slice_at(range(4), None, 2))
    assert metrics.registration_confidence < 0.3
    assert metrics.overall_status == "error"
    assert not metrics.reliable


def test_half_a_slice_is_not_confident() -> None:
    fixed, moving = drifted(shift_by(3, 0))
    moving[:, :, 68:] = 0
    assert registered(fixed, moving)[1].registration_confidence < 0.3


def test_no_motion_between_unrelated_planes_is_not_confident(monkeypatch: pytest.MonkeyPatch) -> None:
    returning(monkeypatch, Affine2D.identity(CENTER))
    _, metrics = registered(
        Specimen(0).slice_at(range(DEEP), None, 1), Specimen(1).slice_at(range(4), None, 2)
    )
    assert (metrics.translation_magnitude, metrics.rotation_deg, metrics.consistency_px) == (0, 0, 0)
    assert metrics.registration_confidence < 0.3


@pytest.mark.parametrize("wrong", [(10.0, 0.0), (-8.0, 8.0)])
def test_a_wrong_motion_between_good_planes_is_not_confident(
    monkeypatch: pytest.MonkeyPatch, wrong: tuple[float, float]
) -> None:
    fixed, moving = drifted(Affine2D.identity(CENTER))
    returning(monkeypatch, Affine2D.rigid(0, (0, 0), CENTER))
    assert registered(fixed, moving)[1].registration_confidence > 0.9
    returning(monkeypatch, Affine2D.rigid(0, wrong, CENTER))
    _, metrics = registered(fixed, moving)
    assert metrics.consistency_px == pytest.approx(0, abs=1e-6)
    assert metrics.registration_confidence < 0.3


@pytest.mark.parametrize(("px", "most"), [(0.0, 1.0), (2.0, 0.7), (3.0, 0.4), (6.0, 0.05)])
def test_a_way_back_that_is_another_one_is_not_confident(
    monkeypatch: pytest.MonkeyPatch, px: float, most: float
) -> None:
    ways = iter([Affine2D.rigid(0, (3.0, 0.0), CENTER), Affine2D.rigid(0, (-3.0, px), CENTER)])
    monkeypatch.setattr("soct_core.pairwise.register.register", lambda *_: next(ways))
    fixed, moving = drifted(shift_by(3, 0), fixed_planes=6)
    _, metrics = registered(fixed, moving)
    assert metrics.consistency_px == pytest.approx(px, abs=1e-6)
    assert most - 0.3 < metrics.registration_confidence <= most


@pytest.mark.parametrize("motion", [(0.0, 0.0, 0.0), (0.6, 12.0, -9.0), (-0.6, -15.0, 3.0)])
@pytest.mark.parametrize("planes", [6, DEEP])
def test_good_pairs_are_confident(motion: tuple[float, float, float], planes: int) -> None:
    degrees, x, y = motion
    _, metrics = registered(*drifted(Affine2D.rigid(degrees, (x, y), CENTER), fixed_planes=planes))
    assert metrics.registration_confidence > 0.7
    assert metrics.overall_status == "ok"
    assert metrics.reasons == ()


GOOD = Evidence(
    pre_ncc=0.5,
    post_ncc=0.7,
    consistency_px=0.5,
    rotation_deg=0.3,
    translation_px=4.0,
    plane_px=400,
    tissue_fraction=0.4,
    overlap=0.9,
    pixel_um=10.0,
)


def trust(**changes: float) -> float:
    """Confidence in good evidence but for some figures."""
    evidence = Evidence(**(vars(GOOD) | changes))
    return confidence(evidence, PairwiseSettings())[0]


def test_confidence_spans_its_range() -> None:
    assert trust(post_ncc=0.95, consistency_px=0.0) == 1.0
    assert 0.6 < trust() < 1
    assert trust(post_ncc=0.2) == 0.0
    assert trust(post_ncc=-1.0) == 0.0


@pytest.mark.parametrize(
    ("figure", "worse"),
    [
        ("post_ncc", [0.79, 0.74, 0.7, 0.6, 0.5]),
        ("consistency_px", [0.0, 0.5, 1.0, 2.0, 4.0, 8.0]),
        ("pre_ncc", [0.6, 0.8]),
        ("tissue_fraction", [0.1, 0.019]),
        ("overlap", [0.8, 0.7, 0.6, 0.5]),
        ("rotation_deg", [14.9, 15.0]),
        ("rotation_deg", [-14.9, -15.0]),
        ("translation_px", [99.0, 100.0]),
    ],
)
def test_confidence_falls_with_worse_evidence(figure: str, worse: list[float]) -> None:
    found = [trust(**{figure: value}) for value in worse]
    assert found == sorted(set(found), reverse=True)
    assert len(found) == len(worse)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tissue_fraction": 0.0}, "tissue fills 0.0%"),
        ({"rotation_deg": 15.0}, "rotation 15.0 deg is at its bound"),
        ({"rotation_deg": -40.0}, "rotation -40.0 deg is at its bound"),
        ({"translation_px": 100.0}, "translation 100 px is at its bound"),
        ({"pre_ncc": 0.3, "post_ncc": 0.4}, "planes are unlike"),
        ({"pre_ncc": 0.8}, "NCC fell from 0.800 to 0.700"),
        ({"consistency_px": 5.0}, "forward and backward differ by 5.0 px"),
        ({"overlap": 0.6}, "only 60% of the tissue is in both"),
    ],
)
def test_what_speaks_against_a_pair_is_said(changes: dict[str, float], said: str) -> None:
    found, reasons = confidence(Evidence(**(vars(GOOD) | changes)), PairwiseSettings())
    assert [said in reason for reason in reasons] == [True]
    assert found == 0 or "bound" not in said


figures = st.fixed_dictionaries(
    {
        "pre_ncc": st.floats(-1, 1),
        "post_ncc": st.floats(-1, 1),
        "consistency_px": st.floats(0, 50),
        "rotation_deg": st.floats(-90, 90),
        "translation_px": st.floats(0, 500),
        "tissue_fraction": st.floats(0, 1),
        "overlap": st.floats(0, 1),
    }
)


@given(
    figures,
    st.sampled_from(
        ["post_ncc", "consistency_px", "rotation_deg", "translation_px", "tissue_fraction", "overlap"]
    ),
    st.floats(0, 1),
)
@examples(max_examples=200, deadline=None)
def test_no_evidence_gets_better_by_getting_worse(
    values: dict[str, float], figure: str, amount: float
) -> None:
    better, worse = values[figure], values[figure]
    if figure == "rotation_deg":
        worse = better * (1 + 3 * amount)
    elif figure in ("post_ncc", "tissue_fraction", "overlap"):
        worse = better - amount
    else:
        worse = better + 100 * amount
    before, after = trust(**values), trust(**(values | {figure: worse}))
    assert 0 <= after <= before <= 1


def judged(
    shift: float = 0.0,
    turn: float = 0.0,
    z: float = 0.9,
    trusted: float = 0.9,
    *,
    pixel_um: float = 10.0,
    cuts: int = 1,
    **values: Any,
) -> str:
    """The status of a pair's figures."""
    evidence = replace(GOOD, translation_px=shift, rotation_deg=turn, pixel_um=pixel_um)
    return status(evidence, z, trusted, cuts, PairwiseSettings.model_validate(values))[0]


@pytest.mark.parametrize(
    ("figures", "wanted"),
    [
        ({}, "ok"),
        ({"shift": 30.0}, "ok"),
        ({"shift": 30.1}, "warning"),
        ({"shift": 50.0}, "warning"),
        ({"shift": 50.1}, "error"),
        ({"turn": 1.0}, "ok"),
        ({"turn": 1.01}, "warning"),
        ({"turn": -1.01}, "warning"),
        ({"turn": 2.01}, "error"),
        ({"turn": -2.01}, "error"),
        ({"z": 0.7}, "ok"),
        ({"z": 0.69}, "warning"),
        ({"z": 0.5}, "warning"),
        ({"z": 0.49}, "error"),
        ({"trusted": 0.4}, "ok"),
        ({"trusted": 0.39}, "warning"),
        ({"trusted": 0.3}, "warning"),
        ({"trusted": 0.29}, "error"),
        ({"shift": 31.0, "trusted": 0.1}, "error"),
        ({"shift": 60.0, "turn": 1.5}, "error"),
        # In µm instead: 5 px of 10 µm.
        ({"shift": 5.1, "translation_warn_um": 50.0}, "warning"),
        ({"shift": 4.9, "translation_warn_um": 50.0}, "ok"),
        ({"shift": 5.1, "translation_error_um": 50.0}, "error"),
        ({"shift": 60.0, "translation_warn_um": 700.0, "translation_error_um": 800.0}, "ok"),
        ({"shift": 5.1, "translation_warn_um": 50.0, "pixel_um": 2.0}, "ok"),
        ({"shift": 25.1, "translation_warn_um": 50.0, "pixel_um": 2.0}, "warning"),
        # Across two cuts a pair may move twice as far.
        ({"shift": 59.0, "turn": 1.9, "cuts": 2}, "ok"),
        ({"shift": 61.0, "cuts": 2}, "warning"),
        ({"shift": 101.0, "cuts": 2}, "error"),
        ({"shift": 99.0, "cuts": 2}, "warning"),
        ({"turn": -3.9, "cuts": 2}, "warning"),
        ({"turn": -4.1, "cuts": 2}, "error"),
        # And lose likeness with its anatomy, but not the trust in it.
        ({"z": 0.3, "cuts": 2}, "warning"),
        ({"trusted": 0.2, "cuts": 2}, "error"),
    ],
)
def test_the_worst_figure_decides_the_status(figures: dict[str, Any], wanted: str) -> None:
    assert judged(**figures) == wanted


def test_every_threshold_passed_is_said() -> None:
    evidence = replace(GOOD, translation_px=60.0, rotation_deg=-1.5)
    state, reasons = status(evidence, 0.4, 0.35, 1, PairwiseSettings())
    assert state == "error"
    assert reasons == (
        "translation 60.0 px is beyond 50",
        "rotation 1.50 deg is beyond 1",
        "z correlation 0.40 is below 0.5",
        "confidence 0.35 is below 0.4",
    )


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


@pytest.mark.parametrize(
    ("specimen", "wanted"),
    [
        (Specimen(drift=(0.4, -0.25), fades=False), (0.4, -0.25, 0.0)),
        (Specimen(drift=(-0.6, 0.0), fades=False), (-0.6, 0.0, 0.0)),
        (Specimen(turn_deg=0.15, fades=False), (0.0, 0.0, 0.15)),
        (Specimen(fades=False), (0.0, 0.0, 0.0)),
    ],
)
def test_the_motion_of_anatomy_is_measured_per_plane(
    specimen: Specimen, wanted: tuple[float, float, float]
) -> None:
    volume = CountingVolume(specimen.slice_at(range(7)))
    rate = anatomy_rate(volume, 1, 5, settings())
    assert set(volume.planes) == {1, 5}
    assert rate is not None
    np.testing.assert_allclose((rate.x, rate.y), wanted[:2], atol=0.02)
    assert rate.rotation_deg == pytest.approx(wanted[2], abs=0.02)
    # deeper(A(x)) ~ shallower(x).
    over = rate.over(7, CENTER)
    assert rms_apart(over, Affine2D.rigid(7 * wanted[2], (7 * wanted[0], 7 * wanted[1]), CENTER)) < 0.3


def test_nothing_is_said_of_anatomy_where_nothing_can_be_told() -> None:
    volume = Specimen().slice_at(range(6))
    assert anatomy_rate(volume, 3, 3, settings()) is None
    assert anatomy_rate(volume, 4, 3, settings()) is None
    assert anatomy_rate(agarose_slice(6, 0), 0, 5, settings()) is None
    assert anatomy_rate(np.zeros((6, *SHAPE)), 0, 5, settings()) is None
    # Planes that have nothing to do with each other.
    volume[5] = Specimen(1).slice_at([5])[0]
    assert anatomy_rate(volume, 0, 5, settings()) is None


def test_the_mean_rate_leaves_out_what_is_not_known() -> None:
    a, b = AnatomyRate(0.2, -0.4, 0.1), AnatomyRate(0.4, 0.0, -0.3)
    mean = mean_rate([a, None, b])
    assert mean is not None
    assert (mean.x, mean.y, mean.rotation_deg) == pytest.approx((0.3, -0.2, -0.1))
    assert mean_rate([None, a]) == a
    assert mean_rate([None, None]) is None


def test_anatomy_is_taken_off_what_was_found_across_the_cut(tmp_path: Path) -> None:
    # Imaged one slot deep: three planes lie between those compared, and anatomy moves on.
    specimen = Specimen(drift=(0.5, -0.3), fades=False)
    cut = Affine2D.rigid(0.4, (4.0, -2.0), CENTER)
    fixed = specimen.slice_at(range(INTERVAL), cut, 1)
    moving = specimen.slice_at(range(INTERVAL, 2 * INTERVAL), None, 2)
    write_pair(tmp_path, *registered(fixed, moving, anatomy_span_um=80.0))
    (raw,), (clean,) = (pair_motions([read_pair(tmp_path)], subtract_anatomy=s) for s in (False, True))
    assert rms_apart(raw.motion, cut) == pytest.approx(3 * np.hypot(0.5, 0.3), abs=0.15)
    assert rms_apart(clean.motion, cut) < 0.15
    assert clean.weight == raw.weight > 0.7


def metrics_of(fixed: int = 2, moving: int = 3, **values: Any) -> PairwiseMetrics:
    """Metrics of a good pair but for some values."""
    known: dict[str, Any] = {
        "fixed_id": fixed,
        "moving_id": moving,
        "role": "neighbours",
        "z_index": 4,
        "expected_z_index": 7.0,
        "z_source": "nominal",
        "tissue_radius_px": 40.0,
        "registration_confidence": 0.8,
        "reliable": True,
        "overall_status": "ok",
        "settings": PairwiseSettings(),
        "versions": {},
        "seconds": 0.1,
    }
    return PairwiseMetrics.model_validate(known | values)


def transform_of(
    motion: Affine2D,
    fixed: int = 2,
    moving: int = 3,
    voxel: tuple[float, float, float] = VOXEL,
    shape: tuple[int, int] = SHAPE,
) -> RigidTransform:
    """The record of a motion."""
    return RigidTransform(
        fixed_id=fixed,
        moving_id=moving,
        matrix=motion.matrix,
        translation=motion.translation,
        center=motion.center,
        rotation_deg=motion.rotation_deg,
        voxel_size_um=voxel,
        plane_shape=shape,
    )


MOTION = Affine2D.rigid(1.0, (5.0, -3.0), CENTER)


def test_exactly_the_mean_motion_of_anatomy_is_taken_off(tmp_path: Path) -> None:
    rate: dict[str, Any] = {"anatomy_rate_x": 0.2, "anatomy_rate_y": -0.4, "anatomy_rate_deg": 0.1}
    other: dict[str, Any] = {"anatomy_rate_x": 0.6, "anatomy_rate_y": 0.0, "anatomy_rate_deg": -0.04}
    write_pair(tmp_path / "a", transform_of(MOTION), metrics_of(**rate))
    write_pair(tmp_path / "b", transform_of(MOTION, 3, 4), metrics_of(3, 4, **other))
    write_pair(tmp_path / "c", transform_of(MOTION, 4, 5), metrics_of(4, 5))
    found = pair_motions([read_pair(tmp_path / name) for name in "abc"])
    # Three planes by the mean of both slices; by the one that is known; by none.
    wanted = [
        Affine2D.rigid(0.09, (1.2, -0.6), CENTER),
        Affine2D.rigid(-0.12, (1.8, 0.0), CENTER),
        Affine2D.identity(CENTER),
    ]
    for pair, anatomy in zip(found, wanted, strict=True):
        np.testing.assert_allclose(
            pair.motion.compose(anatomy).apply(POINTS), MOTION.apply(POINTS), atol=1e-9
        )
    untouched = pair_motions([read_pair(tmp_path / name) for name in "abc"], subtract_anatomy=False)
    assert [pair.motion for pair in untouched] == [MOTION] * 3
    assert [pair.weight for pair in found] == [0.8] * 3
    assert [pair.tissue_radius_px for pair in found] == [40.0] * 3


def test_nothing_is_taken_off_between_planes_that_match(tmp_path: Path) -> None:
    rate: dict[str, Any] = {"anatomy_rate_x": 0.2, "anatomy_rate_y": -0.4, "anatomy_rate_deg": 0.1}
    metrics = metrics_of(z_source="matched", z_index=5, z_drift=-2.0, **rate)
    write_pair(tmp_path, transform_of(MOTION), metrics)
    assert pair_motions([read_pair(tmp_path)])[0].motion == MOTION


@pytest.mark.parametrize(
    ("values", "weight"),
    [
        ({}, 0.8),
        ({"overall_status": "warning"}, 0.8),
        ({"overall_status": "error"}, 0.0),
        ({"reliable": False}, 0.0),
        ({"registration_confidence": 0.35}, 0.35),
    ],
)
@pytest.mark.parametrize("role", ["neighbours", "bridge", "check"])
def test_only_reliable_pairs_steer(
    tmp_path: Path, role: PairRole, values: dict[str, Any], weight: float
) -> None:
    write_pair(tmp_path, transform_of(MOTION), metrics_of(role=role, **values))
    (pair,) = pair_motions([read_pair(tmp_path)])
    assert (pair.fixed_id, pair.moving_id, pair.role, pair.weight) == (2, 3, role, weight)


def test_a_pair_without_a_transform_does_not_steer(tmp_path: Path) -> None:
    write_pair(tmp_path, None, metrics_of())
    (pair,) = pair_motions([read_pair(tmp_path)])
    assert pair.weight == 0


def test_without_a_transform_an_old_one_is_removed(tmp_path: Path) -> None:
    directory = tmp_path / pair_name(7, 112)
    assert directory.name == "slice_z07_z112"
    written = write_pair(directory, transform_of(MOTION, 7, 112), metrics_of(7, 112))
    names = {TRANSFORM, TRANSFORM_ITK, METRICS}
    assert {path.name for path in written} == {path.name for path in directory.iterdir()} == names
    assert {"transform.json", "pairwise_registration_metrics.json"} < names
    failed = metrics_of(7, 112, reliable=False, overall_status="error")
    assert write_pair(directory, None, failed) == (directory / METRICS,)
    assert [path.name for path in directory.iterdir()] == [METRICS]
    assert read_pair(directory).metrics == failed


@pytest.mark.parametrize("voxel", [(50.0, 10.0, 25.0), (50.0, 25.0, 10.0), (50.0, 4.0, 4.0)])
@pytest.mark.parametrize("motion", [(7.0, 3.3, -2.1), (-12.0, 0.0, 8.5), (0.0, -4.25, 6.5)])
def test_the_itk_file_means_what_the_json_says(
    tmp_path: Path, voxel: tuple[float, float, float], motion: tuple[float, float, float]
) -> None:
    shape = (60, 90)
    degrees, x, y = motion
    written = Affine2D.rigid(degrees, (x, y), plane_center(shape))
    write_pair(tmp_path, transform_of(written, voxel=voxel, shape=shape), metrics_of())
    said = json.loads((tmp_path / TRANSFORM).read_text())
    from_json = Affine2D.of(said["matrix"], said["translation"], said["center"])
    assert said["voxel_size_um"] == list(voxel)
    plane = np.random.default_rng(0).uniform(100, 200, shape)
    image = sitk.GetImageFromArray(plane)
    image.SetSpacing((voxel[2], voxel[1]))
    laid_over = sitk.Resample(
        image, image, sitk.ReadTransform(str(tmp_path / TRANSFORM_ITK)), sitk.sitkLinear
    )
    inside = coverage(shape, from_json)
    inside[[0, -1]] = inside[:, [0, -1]] = False
    assert inside.sum() > 2500
    found = sitk.GetArrayFromImage(laid_over)
    np.testing.assert_allclose(found[inside], warp(plane, from_json)[inside], atol=1e-6)
    # And both are the motion that was written: a turn of x towards y about the centre.
    np.testing.assert_allclose(from_json.apply(plane_center(shape)), np.add(plane_center(shape), (x, y)))
    assert from_json.apply((90, 29.5))[1] - (29.5 + y) == pytest.approx(45.5 * np.sin(np.deg2rad(degrees)))


def without(name: str) -> Any:
    """Break a record by removing a field."""

    def spoil(path: Path) -> None:
        content = json.loads(path.read_text())
        del content[name]
        path.write_text(json.dumps(content))

    return spoil


@pytest.mark.parametrize(
    ("file", "spoil"),
    [
        pytest.param(METRICS, Path.unlink, id="metrics missing"),
        pytest.param(METRICS, lambda path: path.write_text("{"), id="metrics no JSON"),
        pytest.param(METRICS, lambda path: path.write_bytes(b"\xff\xfe"), id="metrics no text"),
        pytest.param(METRICS, without("reliable"), id="metrics incomplete"),
        pytest.param(TRANSFORM, lambda path: path.write_text(""), id="transform empty"),
        pytest.param(TRANSFORM, without("center"), id="transform incomplete"),
        pytest.param(
            TRANSFORM,
            lambda path: path.write_text(path.read_text().replace("5.0", "NaN", 1)),
            id="transform not finite",
        ),
    ],
)
def test_a_broken_record_is_an_error_that_names_the_file(tmp_path: Path, file: str, spoil: Any) -> None:
    good, bad = tmp_path / "slice_z01_z02", tmp_path / "slice_z02_z03"
    write_pair(good, transform_of(MOTION, 1, 2), metrics_of(1, 2))
    write_pair(bad, transform_of(MOTION), metrics_of())
    assert len(pair_motions([read_pair(good), read_pair(bad)])) == 2
    spoil(bad / file)
    with pytest.raises(RecordError, match=f"slice_z02_z03/{file}"):
        pair_motions([read_pair(good), read_pair(bad)])


def test_a_transform_of_another_pair_is_refused(tmp_path: Path) -> None:
    write_pair(tmp_path, transform_of(MOTION, 3, 2), metrics_of(2, 3))
    with pytest.raises(RecordError, match="different slices"):
        pair_motions([read_pair(tmp_path)])
