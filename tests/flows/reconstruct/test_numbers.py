"""Odd numbers: voxels that are none, empty and constant slices, thin planes, large ids, few slices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from schemas.handoffs import RunResult
from schemas.settings import PairwiseSettings, ReconstructSettings
from soct_core.errors import AcquisitionError
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.volume import open_volume
from soct_core.volume.writing import write_image

SIZE = (50.0, 50.0, 50.0)
DEPTH = 4
FAST = ReconstructSettings(
    pairwise=PairwiseSettings(registration_engine="ecc", check_pairs=False, anatomy_span_um=0.0)
)
Slices = dict[int, NDArray[Any]]
Run = Callable[..., RunResult]


def cut(ids: range | tuple[int, ...], dtype: str = "f4", depth: int = DEPTH) -> Slices:
    """Slices of a phantom that does not drift, by id."""
    first, last = min(ids), max(ids)
    phantom = PhantomVolume(Phantom.seeded(7), ((last - first + 1) * depth, 112, 120), SIZE)
    return {i: np.asarray(phantom[(i - first) * depth : (i - first + 1) * depth]).astype(dtype) for i in ids}


@pytest.fixture
def run(reconstruct, tmp_path: Path) -> Run:
    def reconstructed(slices: Slices, settings: ReconstructSettings = FAST) -> RunResult:
        for slice_id, data in slices.items():
            write_image(tmp_path / "mouse" / f"slice_z{slice_id:02d}.ome.zarr", data, SIZE)
        return reconstruct(acquisition=tmp_path / "mouse", settings=settings)

    return reconstructed


def voxels_and_labels(result: RunResult) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    group = zarr.open_group(result.stack.volume, mode="r")
    return group["0"][...], group["labels/provenance/0"][...]


def unreliable(result: RunResult) -> set[tuple[int, int]]:
    return {(pair.fixed_id, pair.moving_id) for pair in result.pairs if not pair.reliable}


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_voxels_that_are_no_numbers(run: Run, bad: float) -> None:
    slices = cut((0, 1, 3, 4))
    slices[1][1] = bad  # a plane within the slab that is registered
    slices[1][-1, 50:54, 60:64] = bad  # part of a boundary plane
    slices[3][2, :, 7] = bad
    result = run(slices)
    assert [o.result for o in result.interpolations] == ["interpolated"]
    values, label = voxels_and_labels(result)
    assert np.isfinite(values).all()
    assert not values[label == 0].any()
    assert not label[DEPTH + 1].any()
    assert unreliable(result) == {(1, 2), (2, 3)}
    # One plane, 16 voxels of a boundary plane and of the morphed plane that repeats it, one column.
    lost = values.shape[1] * values.shape[2] + 2 * 16 + values.shape[1]
    assert (label == 0).sum() == lost
    for level in ("0", "1"):
        group = zarr.open_group(result.interpolations[0].volume, mode="r")
        if level in group:
            assert np.isfinite(group[level][1:]).all()


@pytest.mark.parametrize(("value", "metric"), [(0, "CC"), (700, "MI"), (np.nan, "MI")])
def test_a_slice_of_one_value(run: Run, value: float, metric: str) -> None:
    slices = cut(range(4))
    slices[2][:] = value
    pairwise = FAST.pairwise.model_copy(update={"registration_metric": metric})
    result = run(slices, FAST.model_copy(update={"pairwise": pairwise}))
    # A constant image crashes elastix, and its whole process with it, where it gets there.
    assert unreliable(result) == {(1, 2), (2, 3)}
    values, label = voxels_and_labels(result)
    # A slice of nothing but zeros is padding all over.
    wanted = 1 if value > 0 else 0
    assert np.unique(label[2 * DEPTH : 3 * DEPTH]).tolist() == [wanted]
    assert (values[2 * DEPTH : 3 * DEPTH] == np.nan_to_num(value)).all()


def test_a_constant_neighbour_of_a_gap_is_a_hard_skip(run: Run) -> None:
    slices = cut((0, 1, 3, 4), "u2")
    slices[3][:] = 500
    (outcome,) = run(slices).interpolations
    assert (outcome.result, outcome.reason) == ("hard_skip", "no_foreground_planes")


def test_saturated_slices_stay_saturated(run: Run) -> None:
    slices = {i: np.clip(v * 40, 0, 65_535).astype("u2") for i, v in cut((0, 1, 3)).items()}
    assert (slices[1] == 65_535).mean() > 0.05
    result = run(slices)
    values, label = voxels_and_labels(result)
    assert values.dtype == np.uint16
    np.testing.assert_array_equal(values[:DEPTH], slices[0])
    np.testing.assert_array_equal(values[label[:, 0, 0] == 1][DEPTH : 2 * DEPTH], slices[1])


@pytest.mark.parametrize("gap", [True, False])
def test_slices_of_one_plane(run: Run, gap: bool) -> None:
    ids = (0, 1, 3) if gap else (0, 1, 2)
    slices = cut(ids, "u2", depth=1)
    result = run(slices, FAST.model_copy(update={"slicing_interval_um": 50.0}))
    values, label = voxels_and_labels(result)
    assert len(values) == max(ids) + 1
    assert label[:, 50, 50].tolist() == ([1, 1, 2, 1] if gap else [1, 1, 1])


@pytest.mark.parametrize("shape", [(DEPTH, 90, 1), (DEPTH, 1, 1)])
def test_planes_of_one_pixel_are_stacked_where_they_are(run: Run, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    slices = {i: rng.integers(1, 999, shape).astype("u2") for i in (0, 1, 3)}
    result = run(slices)
    assert [o.result for o in result.interpolations] == ["hard_skip"]
    assert unreliable(result) == {(0, 1), (1, 3)}
    values, label = voxels_and_labels(result)
    np.testing.assert_array_equal(values[:DEPTH], slices[0])
    np.testing.assert_array_equal(values[3 * DEPTH :], slices[3])
    assert [set(np.unique(label[i * DEPTH : (i + 1) * DEPTH])) for i in range(4)] == [{1}, {1}, {0}, {1}]


@pytest.mark.parametrize(
    ("ids", "single", "multi"),
    [
        ((98, 99, 101, 102), (100,), ()),
        ((37, 38, 39), (), ()),
        ((1, 2, 3), (), ()),
        ((0, 2, 4, 6), (1, 3, 5), ()),
        ((5,), (), ()),
        ((7, 1007), (), (tuple(range(8, 1007)),)),
    ],
    ids=["beyond 99", "from 37", "first missing", "every second missing", "one slice", "far apart"],
)
def test_ids_and_gaps(run: Run, ids: tuple[int, ...], single: tuple[int, ...], multi: Any) -> None:
    phantom = cut(range(7), "u2")
    result = run(
        {i: phantom[n] for n, i in enumerate(ids)} if multi else {i: phantom[i - min(ids)] for i in ids}
    )
    assert result.slices == ids
    assert (result.gaps.single, result.gaps.multi) == (single, multi)
    volume = open_volume(result.stack.volume)
    assert volume.shape[0] == (max(ids) - min(ids) + 1) * DEPTH
    label = zarr.open_group(result.stack.volume, mode="r")["labels/provenance/0"]
    for slice_id in ids:
        top = (slice_id - min(ids)) * DEPTH
        assert set(np.unique(label[top : top + DEPTH])) - {0} == {1}


@pytest.mark.parametrize("lost", [0, 4])
def test_an_end_that_the_config_demands_and_nobody_has(
    run: Run, reconstruct, tmp_path: Path, lost: int
) -> None:
    slices = cut(tuple(i for i in range(5) if i != lost), "u2")
    (tmp_path / "mouse").mkdir()
    config = tmp_path / "mouse" / "slice_config.csv"
    config.write_text("slice_id,use\n" + "".join(f"{i:02d},true\n" for i in range(5)))
    with pytest.raises(AcquisitionError, match=rf"slice_z{lost:02d}\.ome\.zarr not found"):
        run(slices)
    result = reconstruct(acquisition=tmp_path / "mouse", settings=FAST, allow_missing=True)
    assert (result.gaps.single, len(result.slices)) == ((), 4)


def test_everything_missing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mouse").mkdir()
    with pytest.raises(AcquisitionError, match="holds no slice_z"):
        run({})
    assert list((tmp_path / "mouse").iterdir()) == []
