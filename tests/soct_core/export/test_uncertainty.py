"""The uncertainty of interpolated voxels, exported in the space of the volume."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
import tifffile

from flows.export import main
from soct_core.file_names import UNCERTAINTY_PATH, VOLUME_PATH
from soct_core.volume import open_volume
from soct_core.volume.downsampling import FiniteMean
from soct_core.volume.provenance import INTERPOLATED


@pytest.fixture(scope="module")
def run(finished: tuple[Path, object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(
        finished[0] / "stack", tmp_path_factory.mktemp("uncertain") / "run" / "stack"
    ).parent


def test_it_is_said_of_interpolated_voxels_and_of_no_others(run: Path, tmp_path: Path) -> None:
    for name in ("a.nii", "a.ome.tif"):
        assert main([str(run), str(tmp_path / name), "--what", "uncertainty"]) == 0
    widths = np.asarray(nibabel.load(tmp_path / "a.nii").dataobj).T
    np.testing.assert_array_equal(widths, tifffile.imread(tmp_path / "a.ome.tif"))
    provenance = open_volume(run / VOLUME_PATH / "labels" / "provenance")[...]
    assert (provenance == INTERPOLATED).any()
    np.testing.assert_array_equal(np.isfinite(widths), provenance == INTERPOLATED)


def test_a_coarser_one_lies_on_the_coarser_volume(run: Path, tmp_path: Path) -> None:
    for what in ("uncertainty", "volume", "provenance"):
        arguments = [str(run), str(tmp_path / f"{what}.nii.gz"), "--what", what, "--voxel-um", "110"]
        assert main(arguments) == 0
    found, volume, label = (
        nibabel.load(tmp_path / f"{n}.nii.gz") for n in ("uncertainty", "volume", "provenance")
    )
    np.testing.assert_array_equal(found.affine, volume.affine)
    assert found.shape == volume.shape
    # A label takes the least trusted of its voxels; each such voxel has a half width.
    said = np.isfinite(np.asarray(found.dataobj))
    np.testing.assert_array_equal(said, np.asarray(label.dataobj) == INTERPOLATED)


def test_a_mean_of_what_is_a_number() -> None:
    fine = np.random.default_rng(0).uniform(1, 2, (5, 6, 7)).astype(np.float32)
    fine[:, :2], fine[2] = np.nan, np.nan
    mean = FiniteMean(fine.shape, (1.0, 1.0, 1.0), 2.0, fine.dtype, label=False)
    made = np.concatenate([*(mean.push(plane) for plane in fine[:, None]), mean.rest()])
    boxes = np.pad(fine, ((0, 1), (0, 0), (0, 1)), constant_values=np.nan).reshape(3, 2, 3, 2, 4, 2)
    known = np.isfinite(boxes).sum(axis=(1, 3, 5))
    wanted = np.nansum(boxes, axis=(1, 3, 5)) / np.where(known, known, np.nan)
    np.testing.assert_allclose(made, wanted, rtol=1e-6)


def test_where_none_was_made_one_line_says_so(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    shutil.rmtree(copy / UNCERTAINTY_PATH)
    assert main([str(copy), str(tmp_path / "a.nii"), "--what", "uncertainty"]) == 2
    assert "nothing was interpolated, or without uncertainty" in capsys.readouterr().err
    assert not (tmp_path / "a.nii").exists()
