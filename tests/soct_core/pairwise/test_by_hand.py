"""Transforms set by hand: what ITK writes is read as ITK means it, and what is not rigid is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pair_records import metrics_of
from registered_pairs import INTERVAL, VOXEL, drifted, motion_of
from registered_pairs import settings as quick

from soct_core.affine import Affine2D, plane_center
from soct_core.errors import TransformError, one_line
from soct_core.pairwise.by_hand import read_by_hand, set_by_hand
from soct_core.pairwise.itk_transform import read_tfm
from soct_core.pairwise.register import Pair, register_and_compare

SHAPE = (60, 90)
POINTS = np.array([[0.0, 0.0], [312.5, 44.0], [-17.0, 905.25]])
ANGLE = 0.07


def composite() -> sitk.Transform:
    turn = sitk.Euler2DTransform((300.0, 200.0), ANGLE, (5.0, 7.0))
    return sitk.CompositeTransform([turn, sitk.TranslationTransform(2, (11.0, -3.0))])


def affine() -> sitk.Transform:
    cos, sin = np.cos(ANGLE), np.sin(ANGLE)
    return sitk.AffineTransform((cos, -sin, sin, cos), (12.5, -3.0), (445.0, 295.0))


@pytest.mark.parametrize(
    "written",
    [
        affine(),
        sitk.Euler2DTransform((445.0, 295.0), ANGLE, (12.5, -3.0)),
        sitk.Similarity2DTransform(1.0, ANGLE, (4.0, 5.0), (445.0, 295.0)),
        sitk.TranslationTransform(2, (12.5, -3.0)),
        sitk.Transform(2, sitk.sitkIdentity),
        composite(),
    ],
    ids=["affine", "euler", "similarity", "translation", "identity", "composite"],
)
def test_all_rigid_kinds_are_read_as_itk_means_them(tmp_path: Path, written: sitk.Transform) -> None:
    path = tmp_path / "slice_z02_z03.tfm"
    sitk.WriteTransform(written, str(path))
    wanted = [written.TransformPoint(point) for point in POINTS.tolist()]
    np.testing.assert_allclose(read_tfm(path).apply(POINTS), wanted, atol=1e-9)
    for y, x in (VOXEL[1:], (10.0, 25.0)):
        in_pixels = read_by_hand(path, (20.0, y, x), SHAPE).apply(POINTS / (x, y))
        np.testing.assert_allclose(in_pixels * (x, y), wanted, atol=1e-9)


def text(kind: str = "AffineTransform_double_2_2", values: str = "1 0 0 1 0 0", fixed: str = "0 0") -> str:
    return (
        f"#Insight Transform File V1.0\n#Transform 0\nTransform: {kind}\n"
        f"Parameters: {values}\nFixedParameters: {fixed}\n"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "begins with nothing"),
        (b"\xff\xfe\x00", "is not text"),
        (b"{}", "begins with '{}'"),
        (b"#Insight Transform File V1.0\n", "holds no transform"),
        (text("AffineTransform_double_3_3"), "wanted one of 2D"),
        (text("BSplineTransform_double_2_2"), "transform BSplineTransform, wanted one of"),
        (text(values="1.05 0 0 1.05 0 0"), "scales x by 1.05"),
        (text(values="1 0 0 0.97 0 0"), "scales y by 0.97"),
        (text("Similarity2DTransform_double_2_2", "1.1 0 0 0"), "scales x by 1.1"),
        (text(values="1 0.02 0 1 0 0"), "shears by 0.02"),
        (text(values="1 0 0 0 0 0"), "is singular"),
        (text(values="0 0 0 0 0 0"), "is singular"),
        (text(values="-1 0 0 1 0 0"), "mirrors"),
        (text(values="1 0 0 1 nan 0"), "wanted finite numbers"),
        (text(values="1 0 0 1 0"), "5 numbers, wanted 6"),
        (text(values="1 0 0 1 a b"), "wanted 6 numbers"),
        (text(fixed=""), "0 numbers, wanted 2"),
        (text(values="1 0 0 1 5000 0"), "farther than it is wide"),
        (b"#Insight" + b" " * 2**17, "is larger than"),
    ],
)
def test_what_is_not_rigid_is_refused_in_one_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    path = tmp_path / "slice_z02_z03.tfm"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(TransformError) as refused:
        read_by_hand(path, VOXEL, SHAPE)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert said in message
    assert message == one_line(message)


def test_four_digits_are_enough_and_become_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "typed.tfm"
    path.write_text(text(values="0.9986 -0.0523 0.0523 0.9986 1.5 2").replace("\n", "\r\n"))
    found = read_by_hand(path, VOXEL, SHAPE)
    assert found.rotation_deg == pytest.approx(3.0, abs=0.01)
    np.testing.assert_allclose(np.array(found.matrix) @ np.array(found.matrix).T, np.eye(2), atol=1e-12)


def test_what_is_set_by_hand_counts_and_what_was_found_stays_on_record() -> None:
    true = Affine2D.rigid(2.0, (6.0, -4.0), plane_center((160, 200)))
    fixed, moving = drifted(true)
    pair = Pair(2, 3, float(INTERVAL))
    transform, found, compared = register_and_compare(fixed, moving, pair, VOXEL, quick())
    center = motion_of(transform).center
    shape = fixed.shape[1], fixed.shape[2]
    wrong = Affine2D.rigid(-3.0, (0.0, 9.0), center)
    by_hand, metrics, shown = set_by_hand(wrong, found, compared, VOXEL, shape)
    assert motion_of(by_hand).apply((3.0, 8.0)) == pytest.approx(wrong.apply((3.0, 8.0)))
    assert shown.motion == wrong
    assert (metrics.source, metrics.registration_confidence, metrics.reliable) == ("manual", 1.0, True)
    assert (metrics.translation_x, metrics.translation_y) == (0.0, 9.0)
    assert metrics.overall_status == "warning"
    assert any("less alike than as imaged" in reason for reason in metrics.reasons)
    assert metrics.registered is not None
    assert metrics.registered.translation_x == found.translation_x
    assert metrics.registered.registration_confidence == found.registration_confidence
    right = set_by_hand(motion_of(transform), found, compared, VOXEL, shape)[1]
    assert right.overall_status == "ok"
    assert right.post_ncc == pytest.approx(found.post_ncc, abs=1e-6)


def test_a_pair_that_could_not_be_registered_can_be_set_by_hand() -> None:
    fixed, moving = drifted(Affine2D.identity())
    _, _, compared = register_and_compare(fixed, moving, Pair(2, 3, float(INTERVAL)), VOXEL, quick())
    failed = metrics_of(
        registration_confidence=0.0,
        reliable=False,
        overall_status="error",
        reasons=("registration failed: x",),
    )
    shape = fixed.shape[1], fixed.shape[2]
    motion = Affine2D.identity(plane_center(shape))
    transform, metrics, _ = set_by_hand(motion, failed, compared, VOXEL, shape)
    assert transform.translation == (0.0, 0.0)
    assert "registration had failed" in metrics.reasons
    assert metrics.registered is not None
    assert not metrics.registered.reliable
    assert metrics.tissue_radius_px
    assert metrics.tissue_radius_px > 10
