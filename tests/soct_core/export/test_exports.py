"""Exports as other programs open them: a landmark lies at the right millimetre, labels in the same space."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK
import tifffile
from numpy.typing import NDArray

from flows.export import main
from soct_core.volume.provenance import INTERPOLATED, MEASURED
from soct_core.volume.writing import ImageSpec, image_writer

SHAPE, VOXEL_UM, ORIGIN_UM = (20, 48, 64), (40.0, 25.0, 20.0), (1000.0, 300.0, -200.0)
LANDMARK = (13, 30, 41)
WORLD_MM = tuple((o + v * i) / 1000 for o, v, i in zip(ORIGIN_UM, VOXEL_UM, LANDMARK, strict=True))


def volume(folder: Path, orientation: str | None, dtype: str = "f4") -> tuple[Path, NDArray[Any]]:
    """A volume with one bright voxel, its second half interpolated."""
    data = np.random.default_rng(1).integers(1, 90, SHAPE).astype(dtype)
    data[LANDMARK] = 200
    path = folder / "3d_volume.ome.zarr"
    spec = ImageSpec(SHAPE, data.dtype, VOXEL_UM, ORIGIN_UM, orientation=orientation)
    with image_writer(path, spec, ["provenance"]) as (image, labels):
        image.append(data)
        labels["provenance"].append(provenance())
    return path, data


def provenance() -> NDArray[np.uint8]:
    label = np.full(SHAPE, MEASURED, np.uint8)
    label[10:] = INTERPOLATED
    return label


def to_itk(orientation: str | None) -> tuple[float, ...]:
    """Where ITK has the landmark, (left, posterior, superior) in mm, worked out by hand."""
    z, y, x = WORLD_MM
    return {None: (x, y, z), "PIR": (-x, z, -y), "ASL": (x, -z, y), "RAS": (-z, -y, x)}[orientation]


@pytest.mark.parametrize("orientation", [None, "PIR", "ASL", "RAS"])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_landmark_lies_at_the_right_millimetre(tmp_path: Path, orientation: str | None, name: str) -> None:
    path, data = volume(tmp_path, orientation)
    assert main([str(path), str(tmp_path / name)]) == 0
    image = SimpleITK.ReadImage(str(tmp_path / name))
    np.testing.assert_array_equal(SimpleITK.GetArrayFromImage(image), data)
    index = tuple(int(i) for i in LANDMARK[::-1])
    np.testing.assert_allclose(image.TransformIndexToPhysicalPoint(index), to_itk(orientation), atol=1e-5)
    same = nibabel.load(tmp_path / name)
    np.testing.assert_array_equal(np.asarray(same.dataobj).T, data)
    left, back, up = to_itk(orientation)
    np.testing.assert_allclose(same.affine @ (*index, 1), (-left, -back, up, 1), atol=1e-5)
    assert same.header.get_xyzt_units()[0] == "mm"
    if orientation is not None:
        letters = "".join(nibabel.aff2axcodes(same.affine))
        assert letters == orientation[::-1]


def test_provenance_lies_in_the_same_space_at_any_size(tmp_path: Path) -> None:
    path, _ = volume(tmp_path, "PIR")
    for what in ("volume", "provenance"):
        assert main([str(path), str(tmp_path / f"{what}.nii.gz"), "--what", what, "--voxel-um", "50"]) == 0
    image, label = (nibabel.load(tmp_path / f"{what}.nii.gz") for what in ("volume", "provenance"))
    np.testing.assert_array_equal(image.affine, label.affine)
    assert image.shape == label.shape == (26, 24, 16)
    np.testing.assert_allclose(image.header.get_zooms(), 0.05)
    values = np.asarray(label.dataobj).T
    assert (values.dtype, set(np.unique(values))) == (np.uint8, {MEASURED, INTERPOLATED})
    # The eighth coarse plane touches the tenth fine one, which is interpolated.
    assert [int(values[k].max()) for k in (7, 8)] == [MEASURED, INTERPOLATED]


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_ome_tiff_has_units_place_and_pyramid(tmp_path: Path, dtype: str) -> None:
    shape = (3, 40, 600)
    data = np.random.default_rng(2).integers(0, 200, shape).astype(dtype)
    path = tmp_path / "3d_volume.ome.zarr"
    spec = ImageSpec(shape, data.dtype, VOXEL_UM, ORIGIN_UM, orientation="PIR")
    with image_writer(path, spec) as (image, _):
        image.append(data)
    assert main([str(path), str(tmp_path / "a.ome.tif")]) == 0
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        series = tiff.series[0]
        assert (series.axes, series.kind) == ("ZYX", "ome")
        assert [level.shape for level in series.levels] == [shape, (3, 20, 300)]
        np.testing.assert_array_equal(series.asarray(), data)
        halved = data.astype(float).reshape(3, 20, 2, 300, 2).mean(axis=(2, 4))
        np.testing.assert_allclose(series.levels[1].asarray(), halved, atol=0.51)
        found = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]
    pixels = found["Pixels"]
    assert [pixels[f"PhysicalSize{axis}"] for axis in "ZYX"] == list(VOXEL_UM)
    assert {pixels[f"PhysicalSize{axis}Unit"] for axis in "ZYX"} == {"µm"}
    assert [pixels["Plane"][2][f"Position{axis}"] for axis in "XYZ"] == [-200.0, 300.0, 1080.0]
    assert "PIR: z anterior-to-posterior" in found["Description"]
    read = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "a.ome.tif")))
    np.testing.assert_array_equal(read, data)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["a.png"], "a.png: wanted a name that ends in .nii, .nii.gz, .ome.tif"),
        (["a.nii", "--level", "7"], "has levels 0 to 0, but --level says 7"),
        (["a.nii", "--voxel-um", "30"], "--voxel-um: got 30, wanted 40 at least"),
        (["there.nii"], "there.nii: is there already and is not an earlier export"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    path, _ = volume(tmp_path, None)
    (tmp_path / "there.nii").write_text("mine")
    name, *options = more
    assert main([str(path), str(tmp_path / name), *options]) == 2
    assert said in capsys.readouterr().err


def test_an_export_is_made_again_with_the_same_bytes(tmp_path: Path) -> None:
    path, _ = volume(tmp_path, "PIR")
    for name in ("a.nii.gz", "a.ome.tif"):
        made = []
        for _ in range(2):
            assert main([str(path), str(tmp_path / name)]) == 0
            made.append((tmp_path / name).read_bytes())
        assert name.endswith(".tif") or made[0] == made[1]
