"""Where 0 is bright, as in decibels, a voxel that was not measured is dark; what was measured is as ever."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr
from placed_slices import VOXEL, measured, plan_of, stacked

from schemas.settings import StackSettings
from soct_core.affine import shift_by
from soct_core.planes.measured import background_of
from soct_core.stacking.blending import VolumePlan
from soct_core.stacking.parts import stack_volume
from soct_core.volume import open_volume
from soct_core.volume.provenance import GAP, MEASURED

FLAT = StackSettings(blend_depth_um=0.0)


def decibels(seed: int) -> np.ndarray:
    """A slice of -90 to -20 dB, (z, y, x)."""
    return np.random.default_rng(seed).uniform(-90, -20, (4, 40, 44)).astype(np.float32)


def two_slices(kind: str = "f4") -> tuple[list[np.ndarray], VolumePlan]:
    """Two slices with an empty slot between, the lower one shifted: canvas lies beside both."""
    data = [decibels(1).astype(kind), decibels(2).astype(kind)]
    layers = [measured(0, data[0], 0), measured(2, data[1], 8, pose=shift_by(6.0, 3.0))]
    return data, plan_of(layers, 12, fill=background_of(data[0]))


@pytest.mark.parametrize("kind", ["f4", "f8", "i2", "i1"])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_what_was_not_measured_is_the_darkest(tmp_path: Path, kind: str, version) -> None:
    data, plan = two_slices(kind)
    assert plan.fill == np.floor(data[0][[0, 2, 3]].min())
    path = tmp_path / "3d_volume.ome.zarr"
    stack_volume(plan, FLAT, path, version)
    image = zarr.open_group(path, mode="r")
    values, labels = np.asarray(image["0"]), np.asarray(image["labels/provenance/0"])
    assert (labels[4:8] == GAP).all()
    assert (values[labels == GAP] == plan.fill).all()
    assert image["0"].fill_value == plan.fill, "the metadata says what stands for nothing"
    assert (labels == MEASURED).sum() == data[0].size + data[1].size, "measured is what it was"
    assert sorted(values[labels == MEASURED]) == sorted(np.concatenate([d.ravel() for d in data]))
    coarsest = np.asarray(image[max(name for name in image.array_keys())])
    assert coarsest.max() < 0
    attributes = image.attrs.asdict()
    window = attributes.get("ome", attributes)["omero"]["channels"][0]["window"]
    assert -91 < window["start"] < window["end"] <= -19


def test_padding_with_the_fill_value_is_known_when_it_is_read_again(tmp_path: Path) -> None:
    data, plan = two_slices()
    path = tmp_path / "3d_volume.ome.zarr"
    stack_volume(plan, FLAT, path)
    imaged = np.asarray(open_volume(path).imaged[0])
    label = np.asarray(zarr.open_array(path / "labels/provenance/0", mode="r")[0])
    # The field of view of both slices together: its empty corners cannot be told from tissue's ends.
    assert imaged[label == MEASURED].all()
    alone = tmp_path / "alone.ome.zarr"
    one = VolumePlan([measured(0, data[0], 0)], 4, VOXEL, plan.canvas, fill=plan.fill)
    stack_volume(one, FLAT, alone)
    label = np.asarray(zarr.open_array(alone / "labels/provenance/0", mode="r")[0])
    assert (np.asarray(open_volume(alone).imaged[0]) == (label == MEASURED)).all()


@pytest.mark.parametrize(
    "data",
    [
        np.full((2, 8, 8), 5, np.uint16),
        np.zeros((2, 8, 8), np.float32),
        np.full((2, 8, 8), np.nan, np.float32),
        np.random.default_rng(0).normal(1.0, 2.0, (2, 8, 8)).astype(np.float32),
    ],
)
def test_elsewhere_it_is_0(tmp_path: Path, data: np.ndarray) -> None:
    assert background_of(data) == 0.0


def test_padding_of_the_input_does_not_hide_that_0_is_bright() -> None:
    data = decibels(3)
    data[:, :, :30] = 0
    assert background_of(data) == np.floor(data[[0, 2, 3], :, 30:].min())


def test_a_volume_of_usual_data_says_0_as_it_always_did(tmp_path: Path) -> None:
    found = stacked(tmp_path, [measured(0, np.ones((4, 8, 8), np.uint16), 0)], 8)
    assert not found.values[4:].any()
