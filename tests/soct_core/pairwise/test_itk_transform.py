"""The transform file for ITK moves a plane as the JSON beside it says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pair_records import metrics_of, transform_of

from soct_core.affine import Affine2D, plane_center
from soct_core.file_names import TRANSFORM, TRANSFORM_ITK
from soct_core.pairwise.files import write_pair
from soct_core.planes.warp import coverage, warp
from soct_core.registration.working_plane import pixel_aspect


@pytest.mark.parametrize("voxel", [(50.0, 10.0, 25.0), (50.0, 25.0, 10.0), (50.0, 4.0, 4.0)])
@pytest.mark.parametrize("motion", [(7.0, 3.3, -2.1), (-12.0, 0.0, 8.5), (0.0, -4.25, 6.5)])
def test_the_itk_file_means_what_the_json_says(
    tmp_path: Path, voxel: tuple[float, float, float], motion: tuple[float, float, float]
) -> None:
    shape = (60, 90)
    degrees, x, y = motion
    aspect = pixel_aspect(voxel)
    square = Affine2D.identity(plane_center(shape)).scaled(*aspect).center
    turned = Affine2D.rigid(degrees, np.multiply((x, y), aspect), square)
    written = turned.scaled(1 / aspect[0], 1 / aspect[1])
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
    # And both are the motion that was written: in µm a turn of x towards y about the centre, no more.
    np.testing.assert_allclose(from_json.apply(plane_center(shape)), np.add(plane_center(shape), (x, y)))
    sine = np.sin(np.deg2rad(degrees)) * voxel[2] / voxel[1]
    assert from_json.apply((90, 29.5))[1] - (29.5 + y) == pytest.approx(45.5 * sine)
    in_um = np.array(sitk.ReadTransform(str(tmp_path / TRANSFORM_ITK)).GetParameters()[:4]).reshape(2, 2)
    np.testing.assert_allclose(in_um @ in_um.T, np.eye(2), atol=1e-12)
    assert said["rotation_deg"] == pytest.approx(degrees)
