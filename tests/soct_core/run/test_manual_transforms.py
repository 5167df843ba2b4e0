"""Transforms set by hand speak of pairs that exist, and what places nothing is said before the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.handoffs import DetectedGaps
from schemas.run_record import GapRecord
from schemas.settings import ReconstructSettings
from soct_core.errors import AcquisitionError, SettingsError, TransformError
from soct_core.run.input_warnings import input_warnings
from soct_core.run.plan import Planner
from soct_core.volume.writing import write_image

STILL = (
    "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_2_2\n"
    "Parameters: 1 0 0 1 0 0\nFixedParameters: 0 0\n"
)


@pytest.fixture
def acquisition(tmp_path: Path, no_waiting_for_the_disk: None) -> Path:
    """Slices 0 to 4 without 2."""
    rng = np.random.default_rng(0)
    for slice_id in (0, 1, 3, 4):
        data = rng.integers(1, 1000, (4, 24, 30)).astype(np.uint16)
        write_image(tmp_path / "mouse" / f"slice_z{slice_id:02d}.ome.zarr", data, (50.0, 25.0, 20.0))
    (tmp_path / "mouse" / "manual").mkdir()
    return tmp_path / "mouse"


def planned(acquisition: Path, **settings: Any) -> Planner:
    return Planner.of(acquisition, None, ReconstructSettings.model_validate(settings), None, False)


def set_by_hand(acquisition: Path, name: str, text: str = STILL) -> Path:
    path = acquisition / "manual" / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["slice_z00_z01.tfm", "slice_z01_z03.tfm", "slice_z0_z3.tfm"])
def test_a_neighbour_a_bridge_and_a_check_can_be_set(acquisition: Path, name: str) -> None:
    path = set_by_hand(acquisition, name)
    planner = planned(acquisition)
    assert path in planner.inputs
    (job,) = [job for _, job in planner.pair_jobs([]) if job.manual is not None]
    assert job.manual == path
    assert not input_warnings(planner, DetectedGaps(used=planner.measured, excluded=(), gaps=GapRecord()))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "slice_z00_z07.tfm",
            "pair 00-07 does not exist; pairs of measured slices, upper first, are 00-01, 00-03",
        ),
        ("slice_z01_z02.tfm", "pair 01-02 does not exist"),
        ("slice_z01_z00.tfm", "pair 01-00 does not exist"),
        ("slice_z00-z01.tfm", "wanted a name like slice_z03_z04.tfm"),
        ("slice_z00_z01.txt", "wanted a name like slice_z03_z04.tfm"),
        ("SLICE_z00_z01.TFM", "wanted a name like slice_z03_z04.tfm"),
    ],
)
def test_a_correction_that_would_be_lost_is_refused(acquisition: Path, name: str, said: str) -> None:
    path = set_by_hand(acquisition, name)
    with pytest.raises(TransformError) as refused:
        planned(acquisition)
    assert str(refused.value).startswith(f"{path}: {said}")


def test_one_pair_twice_is_refused_and_other_files_are_left_alone(acquisition: Path) -> None:
    for name in ("notes.txt", ".slice_z00_z07.tfm.swp", "edit.py", "slice_z00_z01.tfm~"):
        set_by_hand(acquisition, name)
    assert planned(acquisition).acquisition.manual == {}
    set_by_hand(acquisition, "slice_z00_z01.tfm")
    set_by_hand(acquisition, "slice_z0_z1.tfm")
    with pytest.raises(TransformError, match="twice"):
        planned(acquisition)


def test_a_check_does_not_exist_where_there_are_none(acquisition: Path) -> None:
    set_by_hand(acquisition, "slice_z00_z03.tfm")
    assert planned(acquisition).acquisition.manual
    with pytest.raises(TransformError, match="pair 00-03 does not exist"):
        planned(acquisition, pairwise={"check_pairs": False})


def test_a_file_that_is_no_rigid_transform_is_told_before_the_run(acquisition: Path) -> None:
    path = set_by_hand(acquisition, "slice_z00_z01.tfm", STILL.replace("1 0 0 1 0 0", "2 0 0 2 0 0"))
    with pytest.raises(TransformError, match="scales x by 2") as refused:
        planned(acquisition)
    assert str(path) in str(refused.value)


def test_what_places_nothing_is_said(acquisition: Path) -> None:
    set_by_hand(acquisition, "slice_z03_z04.tfm")
    (acquisition / "slice_config.csv").write_text("slice_id,auto_excluded\n00,\n01,\n03,\n04,true\n")

    def warnings(**settings: Any) -> list[str]:
        planner = planned(acquisition, **settings)
        found = DetectedGaps(used=planner.measured, excluded=(), gaps=GapRecord())
        return [w for w in input_warnings(planner, found) if "manual" in w]

    (one,) = warnings()
    assert one.startswith("manual/slice_z03_z04.tfm places nothing: slice 04 is auto_excluded")
    two = warnings(stack={"pose_from": {"03": "stage"}})
    assert any("stack.pose_from leaves slice 03" in line for line in two)


def test_slices_that_are_not_there_cannot_be_left_to_the_stage(acquisition: Path) -> None:
    planned(acquisition, stack={"pose_from": {"4": "stage"}})
    with pytest.raises(SettingsError, match=r"'stack.pose_from': names slice 02, wanted .* 00, 01, 03, 04"):
        planned(acquisition, stack={"pose_from": {"2": "stage"}})


def test_the_output_may_not_lie_among_them(acquisition: Path) -> None:
    with pytest.raises(AcquisitionError, match="among the input"):
        Planner.of(acquisition, acquisition / "manual" / "out", ReconstructSettings(), None, False)
