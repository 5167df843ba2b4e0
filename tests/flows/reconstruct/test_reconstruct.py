"""The flow as a user meets it: what it writes, what it reuses, what it refuses."""

from __future__ import annotations

import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr
from ome_zarr_models import open_ome_zarr
from phantom_acquisition import QUICK
from prefect.client.orchestration import get_client
from rich.console import Console

from flows.engine import tasks
from flows.terminal.plain_lines import print_lines, result_lines
from schemas.handoffs import PairOutcome, RunResult
from schemas.run_record import RunRecord
from schemas.settings import InterpolationSettings, StackSettings
from schemas.validate import faults_of
from soct_core import slice_config
from soct_core.errors import AcquisitionError, SliceConfigError, StageFailedError
from soct_core.file_names import UNCERTAINTY_PATH
from soct_core.storage.fingerprint import fingerprint
from soct_core.volume import open_volume
from soct_core.volume.writing import write_image

DEPTH, SLICES, MISSING = 5, 9, (2, 5, 6)


def executed(output: Path) -> set[str]:
    """Names of the task runs of the last invocation that were not served from the cache."""
    record = RunRecord.model_validate_json((output / "run.json").read_bytes())
    return {task.name for task in record.tasks if not task.cached}


def labels_by_slot(output: Path) -> list[set[int]]:
    """Provenance labels along the middle of the volume, slot by slot."""
    label = zarr.open_group(output / "stack" / "3d_volume.ome.zarr", mode="r")["labels/provenance/0"]
    middle = label[:, label.shape[1] // 2, label.shape[2] // 2]
    return [set(middle[i * DEPTH : (i + 1) * DEPTH].tolist()) for i in range(SLICES)]


def test_fills_single_gaps_and_keeps_double_ones(acquisition: Path, reconstruct) -> None:
    result: RunResult = reconstruct(acquisition=acquisition)
    output = acquisition / "reconstruction"
    assert result.gaps.single == (2,)
    assert result.gaps.multi == ((5, 6),)
    assert [(o.slice_id, o.result) for o in result.interpolations] == [(2, "interpolated")]
    assert open_volume(result.stack.volume).shape[0] == SLICES * DEPTH
    assert result.stack.uncertainty == output / UNCERTAINTY_PATH
    half = zarr.open_array(result.stack.uncertainty / "0", mode="r")[...]
    label = zarr.open_array(result.stack.volume / "labels/provenance/0", mode="r")[...]
    np.testing.assert_array_equal(half >= 0, label == 2)
    assert labels_by_slot(output) == [{1}, {1}, {2}, {1}, {1}, {0}, {0}, {1}, {1}]
    pairs = {(p.fixed_id, p.moving_id): p.reliable for p in result.pairs}
    neighbours = {(0, 1): True, (1, 2): False, (2, 3): False, (3, 4): True, (4, 7): True, (7, 8): True}
    bridge, checks = {(1, 3): True}, {(0, 3), (1, 4), (3, 7), (4, 8)}
    assert {pair: reliable for pair, reliable in pairs.items() if pair not in checks} == neighbours | bridge
    assert checks <= set(pairs)
    for path in (output / "slice_config_final.csv", output / "stack" / "stacking_decisions.csv"):
        assert faults_of(path) == []
    trail = slice_config.read(output / "slice_config_final.csv").set_index("slice_id")
    assert trail.loc[2, "interpolated"]
    assert trail.loc[2, "interpolation_method_used"] == "zmorph"
    assert "gap of 2 slices" in trail.loc[5, "notes"]


def test_interpolated_slice_repeats_its_boundary_planes(acquisition: Path, reconstruct) -> None:
    result = reconstruct(acquisition=acquisition)
    made = open_volume(result.interpolations[0].volume)
    before, after = (open_volume(acquisition / f"slice_z0{i}.ome.zarr") for i in (1, 3))
    np.testing.assert_array_equal(made[0], before[-1])
    np.testing.assert_array_equal(made[-1], after[0])
    assert made.dtype == before.dtype


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_every_image_written_is_valid_ngff(acquisition: Path, reconstruct, version: str) -> None:
    reconstruct(acquisition=acquisition, settings=QUICK.model_copy(update={"ngff_version": version}))
    output = acquisition / "reconstruction"
    images = sorted(output.rglob("*.ome.zarr"))
    assert [p.name for p in images] == [
        "slice_z02_interpolated.ome.zarr",
        "slice_z02_uncertainty.ome.zarr",
        "3d_volume.ome.zarr",
        "uncertainty.ome.zarr",
    ]
    for path in (*images, images[2] / "labels" / "provenance"):
        model = open_ome_zarr(zarr.open_group(path, mode="r", use_consolidated=False))
        assert model.ome_zarr_version == version


def test_an_unchanged_run_recomputes_nothing(acquisition: Path, reconstruct) -> None:
    reconstruct(acquisition=acquisition)
    output = acquisition / "reconstruction"
    before = {p.name: fingerprint(p) for p in (output / "stack", output / "slice_config_final.csv")}
    first = RunRecord.model_validate_json((output / "run.json").read_bytes())
    reconstruct(acquisition=acquisition)
    assert executed(output) == set()
    assert {name: fingerprint(next(output.rglob(name))) for name in before} == before
    again = RunRecord.model_validate_json((output / "run.json").read_bytes())
    assert again.outputs == first.outputs
    assert again.inputs == first.inputs


def test_a_damaged_output_is_made_again(acquisition: Path, reconstruct) -> None:
    reconstruct(acquisition=acquisition)
    output = acquisition / "reconstruction"
    whole = fingerprint(output / "stack" / "3d_volume.ome.zarr")
    chunk = next(p for p in (output / "stack" / "3d_volume.ome.zarr" / "0").rglob("*") if p.is_file())
    chunk.write_bytes(chunk.read_bytes()[:-1])
    shutil.rmtree(output / "register_pairwise" / "slice_z00_z01")
    reconstruct(acquisition=acquisition)
    assert {"stack", "register z00-z01"} <= executed(output) <= {"stack", "register z00-z01", "report"}
    assert fingerprint(output / "stack" / "3d_volume.ome.zarr") == whole


def test_a_setting_recomputes_only_what_uses_it(acquisition: Path, reconstruct) -> None:
    reconstruct(acquisition=acquisition)
    output = acquisition / "reconstruction"
    reconstruct(
        acquisition=acquisition, settings=QUICK.model_copy(update={"stack": StackSettings(blend_depth_um=20)})
    )
    assert executed(output) == {"stack", "report"}


def test_a_note_recomputes_no_image(acquisition: Path, reconstruct) -> None:
    reconstruct(acquisition=acquisition)
    config = acquisition / "slice_config.csv"
    slice_config.stamp(config, acquisition / "new.csv", 4, notes="looks fine", quality_score=0.9)
    (acquisition / "new.csv").replace(config)
    reconstruct(acquisition=acquisition)
    assert executed(acquisition / "reconstruction") == {"detect gaps", "finalise audit trail", "report"}


def test_a_slice_found_again_leaves_no_trace_of_its_interpolation(acquisition: Path, reconstruct) -> None:
    reconstruct(acquisition=acquisition)
    output = acquisition / "reconstruction"
    mine = output / "interpolate_missing_slice" / "my_notes.txt"
    mine.write_text("keep me")
    shutil.copytree(acquisition / "truth" / "slice_z02.ome.zarr", acquisition / "slice_z02.ome.zarr")
    slice_config.stamp(acquisition / "slice_config.csv", acquisition / "new.csv", 2, use=True)
    (acquisition / "new.csv").replace(acquisition / "slice_config.csv")
    reconstruct(acquisition=acquisition)
    assert [p.name for p in (output / "interpolate_missing_slice").iterdir()] == ["my_notes.txt"]
    assert not (output / "register_pairwise" / "slice_z01_z04").exists()
    assert labels_by_slot(output)[2] == {1}
    trail = slice_config.read(output / "slice_config_final.csv").set_index("slice_id")
    assert not trail["interpolated"].fillna(False).any()


def test_a_hard_skip_is_a_result_and_leaves_a_gap(
    acquisition: Path, reconstruct, caplog: pytest.LogCaptureFixture
) -> None:
    after = open_volume(acquisition / "slice_z03.ome.zarr")
    agarose = np.random.default_rng(0).normal(600, 30, after.shape).astype(after.dtype)
    write_image(acquisition / "slice_z03.ome.zarr", agarose, after.voxel_size_um)
    state = reconstruct(acquisition=acquisition, return_state=True)
    result = state.result()
    (outcome,) = result.interpolations
    assert (outcome.result, outcome.reason) == ("hard_skip", "no_foreground_planes")
    assert "\nhard-skipped      02: no_foreground_planes: " in state.message
    with get_client(sync_client=True) as client:
        assert "hard-skip" in client.read_flow_run(state.state_details.flow_run_id).tags
    assert [r.getMessage()[:39] for r in caplog.records if "interpolate z02: no" in r.getMessage()] == [
        "interpolate z02: no_foreground_planes: "
    ]
    folder = acquisition / "reconstruction" / "interpolate_missing_slice"
    assert not list(folder.glob("*.ome.zarr"))
    assert {p.suffix for p in folder.iterdir()} == {".json", ".csv", ".png"}
    assert len(list(folder.iterdir())) == 4
    trail = slice_config.read(acquisition / "reconstruction" / "slice_config_final.csv").set_index("slice_id")
    assert trail.loc[2, "interpolation_failed"]
    assert trail.loc[2, "interpolation_fallback_reason"] == "no_foreground_planes"
    assert trail.loc[2, "interpolation_method_used"] == ""
    volume = open_volume(result.stack.volume)
    assert not volume[2 * DEPTH : 3 * DEPTH].any()
    assert labels_by_slot(acquisition / "reconstruction")[2] == {0}
    record = json.loads((acquisition / "reconstruction" / "run.json").read_text())
    states = {task["name"]: (task["state"], task["reason"]) for task in record["tasks"]}
    assert states["interpolate z02"] == ("Completed", "no_foreground_planes")
    print_lines(Console(file=(closing := io.StringIO()), width=90), result_lines(result))
    said = closing.getvalue()
    assert f"02 stays a gap: see {outcome.preview}; interpolation.min_foreground_fraction decided" in said
    unreliable = re.search(r"(\d+) unreliable pairs: the report", said)
    assert unreliable
    assert 0 < int(unreliable[1]) <= len(result.pairs)


def test_an_excluded_slice_is_interpolated_although_its_file_is_there(acquisition: Path, reconstruct) -> None:
    lost = acquisition / "slice_z02.ome.zarr"
    shutil.copytree(acquisition / "slice_z01.ome.zarr", lost)
    result = reconstruct(acquisition=acquisition)
    assert [(o.slice_id, o.result) for o in result.interpolations] == [(2, "interpolated")]
    assert labels_by_slot(acquisition / "reconstruction")[2] == {2}


def test_one_failed_pair_stops_neither_its_siblings_nor_the_record(
    acquisition: Path, reconstruct, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = tasks.register_pair.stage
    real = stage.run

    def broken(job) -> PairOutcome:
        if (job.fixed_id, job.moving_id) == (3, 4):
            raise OSError("the disk went away")
        return real(job)

    patient = tasks.register_pair.prefect_task
    monkeypatch.setattr(stage, "run", broken)
    monkeypatch.setattr(patient, "retries", 0)
    with pytest.raises(StageFailedError, match=r"1 of 11 tasks failed: register z03-z04: .*disk went away"):
        reconstruct(acquisition=acquisition)
    output = acquisition / "reconstruction"
    record = RunRecord.model_validate_json((output / "run.json").read_bytes())
    assert record.outcome == "failed"
    states = {task.name: task.state for task in record.tasks if task.name.startswith("register")}
    assert states.pop("register z03-z04") == "Failed"
    assert set(states.values()) == {"Completed"}
    assert not (output / "stack").exists()
    page = (output / "report.html").read_text()
    assert "register z03-z04" in page
    assert "in broken" in page, "the traceback"
    assert "This run wrote no volume" in page

    monkeypatch.setattr(stage, "run", real)
    reconstruct(acquisition=acquisition)
    assert executed(output) == {"register z03-z04", "stack", "report"}


def test_transient_errors_are_retried_by_the_task(
    acquisition: Path, reconstruct, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = tasks.finalise_interpolation.stage
    real, attempts = stage.run, []

    def flaky(job):
        attempts.append(job)
        if len(attempts) < 2:
            raise OSError("stale file handle")
        return real(job)

    monkeypatch.setattr(stage, "run", flaky)
    monkeypatch.setattr(tasks.finalise_interpolation.prefect_task, "retry_delay_seconds", 0)
    reconstruct(acquisition=acquisition)
    assert len(attempts) == 2


def test_bad_input_is_never_retried(acquisition: Path, reconstruct, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = []

    def refuse(job):
        attempts.append(job)
        raise SliceConfigError("row 3 is wrong")

    monkeypatch.setattr(tasks.finalise_interpolation.stage, "run", refuse)
    with pytest.raises(SliceConfigError, match="row 3 is wrong"):
        reconstruct(acquisition=acquisition)
    assert len(attempts) == 1


def test_disabled_interpolation_leaves_gaps(acquisition: Path, reconstruct) -> None:
    settings = QUICK.model_copy(update={"interpolation": InterpolationSettings(enabled=False)})
    result = reconstruct(acquisition=acquisition, settings=settings)
    assert result.interpolations == ()
    assert labels_by_slot(acquisition / "reconstruction")[2] == {0}


def test_the_flow_refuses_what_it_cannot_use(acquisition: Path, reconstruct) -> None:
    with pytest.raises(AcquisitionError, match="output would land among the input"):
        reconstruct(acquisition=acquisition, output=acquisition)
    assert not (acquisition / "run.json").exists()
