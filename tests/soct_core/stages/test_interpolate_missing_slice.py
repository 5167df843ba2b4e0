"""What the stage leaves of a gap: the slice, its uncertainty on the same grid, and nothing stale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from schemas.settings import InterpolationSettings
from soct_core.errors import AcquisitionError
from soct_core.file_names import InterpolationFiles
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.stages.interpolate_missing_slice import (
    GapToFill,
    interpolate_slice,
    refuse_to_replace_others,
    uncertainty_of,
)
from soct_core.volume import open_volume
from soct_core.volume.writing import image_made_as, write_image

SIZE = (40.0, 50.0, 50.0)


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("gap")
    volume = np.asarray(PhantomVolume(Phantom.seeded(3), (15, 128, 144), SIZE)[:]).astype(np.uint16)
    paths = folder / "slice_z01.ome.zarr", folder / "slice_z03.ome.zarr"
    for path, planes in zip(paths, (volume[:5], volume[10:]), strict=True):
        write_image(path, planes, SIZE)
    return paths


def fill(neighbours: tuple[Path, Path], output: Path, **values: object) -> InterpolationFiles:
    files = InterpolationFiles.standard(output, 2)
    sides = (open_volume(path) for path in neighbours)
    interpolate_slice(*sides, GapToFill(2), files, InterpolationSettings.model_validate(values))
    return files


def test_the_uncertainty_lies_on_the_grid_of_the_slice(neighbours: tuple[Path, Path], tmp_path: Path) -> None:
    files = fill(neighbours, tmp_path)
    assert files.uncertainty is not None
    assert files.uncertainty.name == "slice_z02_uncertainty.ome.zarr"
    made, half = open_volume(files.volume), open_volume(files.uncertainty)
    assert (half.shape, half.voxel_size_um, half.origin_um) == (
        made.shape,
        made.voxel_size_um,
        made.origin_um,
    )
    assert half.dtype == np.float32
    widths = np.asarray(half[:])
    assert not widths[[0, -1]].any()
    assert (widths[1:-1] > 0).any()
    assert np.isfinite(widths).all()
    assert image_made_as(files.uncertainty) == uncertainty_of("interpolation of slice 02")
    # Made again over itself, never over something else.
    refuse_to_replace_others(*neighbours, 2, files)
    with pytest.raises(AcquisitionError, match="measured slice"):
        refuse_to_replace_others(
            *neighbours, 2, InterpolationFiles(files.volume, uncertainty=tmp_path / "slice_z02.ome.zarr")
        )
    # What is not wanted any more, or belongs to a gap that is not filled now, does not stay.
    assert fill(neighbours, tmp_path, uncertainty=False).volume.exists()
    assert not files.uncertainty.exists()
    fill(neighbours, tmp_path)
    fill(neighbours, tmp_path, min_overlap_correlation=1.0)
    assert not files.volume.exists()
    assert not files.uncertainty.exists()
