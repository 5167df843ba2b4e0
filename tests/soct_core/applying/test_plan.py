"""Poses of a run applied to other slices: to the same ones, to a coarser grid, to a second channel."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from handmade_ngff import axis, multiscale, scale, translation
from numpy.typing import NDArray
from reported_run import run_stages
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from schemas.applied import ApplyGapOutcome
from schemas.handoffs import StackOutcome
from schemas.image_choice import ImageChoice
from schemas.tables.stacking_decisions import STACKING_DECISIONS
from soct_core.applying.plan import ApplyPlan
from soct_core.errors import AcquisitionError, RecordError
from soct_core.stacking.published import read_published
from soct_core.stages import apply_gap, apply_stack
from soct_core.volume import Volume, open_volume
from soct_core.volume.provenance import INTERPOLATED

PAGE = Path(__file__).parents[3] / "docs" / "transforms.md"
Slice = NDArray[np.uint16]


@pytest.fixture
def run(finished: tuple[Path, object]) -> Path:
    """An acquisition that was reconstructed; one slice of it is interpolated."""
    return finished[0].parent


def applied(run: Path, other: Path, choice: ImageChoice = ImageChoice()) -> tuple[Volume, Volume]:  # noqa: B008
    """Volume and provenance of what `apply` makes, by its stages alone."""
    plan = ApplyPlan.of(run, other, None, choice)
    filled: list[ApplyGapOutcome] = [apply_gap.run(job) for _, job in plan.gap_jobs()]
    stacked: StackOutcome = apply_stack.run(plan.stack_job(filled))
    return open_volume(stacked.volume), open_volume(stacked.volume / "labels" / "provenance")


def rewritten(run: Path, other: Path, make: Callable[[Slice], NDArray[Any]], **image: Any) -> Path:
    """The slices of a run as another program would have written them after `make`."""
    for path in run.glob("slice_z*.ome.zarr"):
        data = make(open_volume(path)[...])
        group = zarr.open_group(other / path.name, mode="w", zarr_format=2)
        group.create_array("0", shape=data.shape, dtype=data.dtype)[...] = data
        group.attrs["multiscales"] = [{"version": "0.4", **multiscale(**image)}]
    return other


def base(run: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    volume = run / "reconstruction" / "stack" / "3d_volume.ome.zarr"
    return open_volume(volume)[...], open_volume(volume / "labels" / "provenance")[...]


def test_the_same_slices_become_the_same_volume(run: Path, tmp_path: Path) -> None:
    other = rewritten(run, tmp_path, lambda data: data, transformations=[scale(40, 50, 50)])
    volume, provenance = applied(run, other)
    wanted, label = base(run)
    assert (label == INTERPOLATED).any()
    np.testing.assert_array_equal(provenance[...], label)
    np.testing.assert_array_equal(volume[...], wanted)
    assert volume.origin_um == origin_um(run)


def test_a_displacement_is_found_again_or_said_to_be_gone(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a phantom planes that are held out speak against it.
    monkeypatch.setattr("soct_core.zmorph.refinement.held_out", lambda *_, **__: None)
    own = tmp_path / "own"
    shutil.copytree(run, own, ignore=shutil.ignore_patterns("reconstruction"))
    run_stages(own)
    run = own
    other = rewritten(run, tmp_path / "other", lambda data: data, transformations=[scale(40, 50, 50)])
    ((_, job),) = ApplyPlan.of(run, other, None, ImageChoice()).gap_jobs()
    assert job.displacement is not None
    other_field = job.displacement.model_copy(update={"rms_px": 1.1 * job.displacement.rms_px})
    with pytest.raises(RecordError, match=r"displacement of slice 02 is not found again: 0\.39"):
        apply_gap.run(job.model_copy(update={"displacement": other_field}))
    moved = tmp_path / "moved"
    shutil.copytree(run / "reconstruction", moved)
    plan = ApplyPlan.of(moved, other, None, ImageChoice())
    assert "of gaps 02 the affine is applied, and no displacement" in " ".join(plan.warnings)
    assert [job.displacement for _, job in plan.gap_jobs()] == [None]


def test_a_second_channel_lies_on_the_first(run: Path, tmp_path: Path) -> None:
    axes = [axis(name) for name in "czyx"]
    other = rewritten(
        run, tmp_path, lambda d: np.stack([d, 60000 - d]), axes=axes, transformations=[scale(1, 40, 50, 50)]
    )
    volume, provenance = applied(run, other, ImageChoice(channel=1))
    wanted, label = base(run)
    np.testing.assert_array_equal(provenance[...], label)
    # Warped in single precision, the channels add up to 60000 within 5; a pixel beside is hundreds off.
    inside = (label > 0) & (label != INTERPOLATED) & (wanted > 0)
    total = volume[...].astype(int)[inside] + wanted.astype(int)[inside]
    assert np.percentile(np.abs(total - 60000), 99) <= 5


def test_a_coarser_grid_lies_on_the_finer_one(run: Path, tmp_path: Path) -> None:
    def halved(data: Slice) -> NDArray[Any]:
        nz, ny, nx = data.shape
        return data.reshape(nz, ny // 2, 2, nx // 2, 2).mean(axis=(2, 4)).astype(np.float32)

    place = [scale(40, 100, 100), translation(0, 25, 25)]
    volume, provenance = applied(run, rewritten(run, tmp_path, halved, transformations=place))
    fine, label = base(run)
    # The frame of the run is kept: every second pixel of its canvas, whatever the slices say of theirs.
    np.testing.assert_allclose(volume.voxel_size_um, (40, 100, 100))
    first = [round(o / 50) for o in np.subtract(volume.origin_um, origin_um(run))[1:]]
    assert first == [0, 0]
    for z in (2, 7, 17, 22, 37):
        wanted = ndimage.gaussian_filter(fine[z].astype(float), 1)[::2, ::2]
        made = volume[z][: wanted.shape[0], : wanted.shape[1]]
        shift, *_ = phase_cross_correlation(wanted, ndimage.gaussian_filter(made, 0.5), upsample_factor=20)
        assert np.abs(shift).max() <= 0.15, z
    assert (provenance[12] == INTERPOLATED).sum() == pytest.approx(
        (label[12] == INTERPOLATED).sum() / 4, rel=0.05
    )


def test_pose_columns_say_where_a_voxel_comes_from(run: Path) -> None:
    """As docs/transforms.md has it: from pixels of the frame to pixels of the slice."""
    found: dict[str, Any] = {}
    exec(PAGE.read_text().split("\n## Poses\n")[1].split("```python\n")[1].split("```")[0], found)
    table = STACKING_DECISIONS.read(run / "reconstruction" / "stack" / "stacking_decisions.csv")
    row = table[table["slice_id"] == 3].iloc[0]
    record = read_published(run / "reconstruction" / "stack" / "published.json")
    assert record is not None
    image = open_volume(run / "slice_z03.ome.zarr")
    plane, volume = image[4].astype(float), base(run)[0][int(row["z_first"]) + 4]
    pixels = [(x, y) for y in range(40, 90, 3) for x in range(40, 100, 3)]
    places = [found["in_slice"](p, row, image.shape[1:]) for p in pixels]
    there = ndimage.map_coordinates(plane, np.transpose(places)[::-1], order=1)
    left, top = record.canvas_origin
    here = np.array([volume[y - top, x - left] for x, y in pixels])
    assert np.corrcoef(there, here)[0, 1] > 0.99


def origin_um(run: Path) -> tuple[float, float, float]:
    return open_volume(run / "reconstruction" / "stack" / "3d_volume.ome.zarr").origin_um


def test_what_does_not_belong_to_the_run_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="wanted the record of a finished run"):
        ApplyPlan.of(tmp_path, run, None, ImageChoice())
    other = rewritten(run, tmp_path, lambda data: data, transformations=[scale(40, 50, 50)])
    (other / "slice_z03.ome.zarr").rename(other / "gone")
    with pytest.raises(AcquisitionError, match="slices 03 are in the run but not here"):
        ApplyPlan.of(run, other, None, ImageChoice())
