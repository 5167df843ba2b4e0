"""Faults while the flow runs: deaths, inputs that change, a second run, lost chunks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zarr

from flows.engine import tasks
from schemas.run_record import RunRecord
from soct_core.errors import InputChangedError, OutputBusyError, SoctError, StageFailedError, VolumeError
from soct_core.run.lock import refuse_if_busy, run_lock
from soct_core.volume import open_volume

DEPTH = 5


def meanwhile(monkeypatch: pytest.MonkeyPatch, stage: str, act: Callable[[], None], *, after: bool) -> None:
    """Have something happen once, right before or after a stage reads its input."""
    module = getattr(tasks, stage).stage
    real, pending = module.run, [act]

    def run(job):
        if pending and not after:
            pending.pop()()
        outcome = real(job)
        if pending and after:
            pending.pop()()
        return outcome

    monkeypatch.setattr(module, "run", run)


def rewrite(slice_: Path) -> None:
    """Other voxels of the same size and time."""
    chunk = slice_ / "0" / "c" / "0" / "0" / "0"
    before, data = chunk.stat(), open_volume(slice_)[...]
    array = zarr.open_group(slice_, mode="r+")["0"]
    array[...] = np.flip(data, axis=2)
    os.utime(chunk, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize(
    ("stage", "change", "after"),
    [
        ("interpolate_missing_slice", rewrite, True),
        ("stack", rewrite, False),
        ("stack", shutil.rmtree, False),
    ],
)
def test_nothing_made_from_an_input_that_changed_is_kept(
    acquisition: Path,
    reconstruct,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    change,
    stage: str,
    after: bool,
) -> None:
    lost = acquisition / "slice_z03.ome.zarr"
    shutil.copytree(lost, tmp_path / "kept")
    meanwhile(monkeypatch, stage, lambda: change(lost), after=after)
    with pytest.raises((StageFailedError, SoctError), match=r"slice_z03\.ome\.zarr: changed or went away"):
        reconstruct(acquisition=acquisition)
    output = acquisition / "reconstruction"
    assert not list(output.rglob("3d_volume.ome.zarr"))
    record = RunRecord.model_validate_json((output / "run.json").read_bytes())
    assert record.outcome == "failed"
    made_from_it = {"interpolate_missing_slice", "stack"}
    assert not [o.path for o in record.outputs if o.path.partition("/")[0] in made_from_it]
    shutil.rmtree(lost, ignore_errors=True)
    shutil.copytree(tmp_path / "kept", lost)
    result = reconstruct(acquisition=acquisition)
    assert open_volume(result.stack.volume).lost_chunks() == []


def test_a_change_after_the_last_task_fails_the_run(
    acquisition: Path, reconstruct, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(monkeypatch, "render_report", lambda: rewrite(acquisition / "slice_z08.ome.zarr"), after=True)
    with pytest.raises(InputChangedError, match=r"slice_z08\.ome\.zarr: changed"):
        reconstruct(acquisition=acquisition)
    record = RunRecord.model_validate_json((acquisition / "reconstruction" / "run.json").read_bytes())
    assert record.outcome == "failed"
    assert not [o.path for o in record.outputs if o.path.startswith("stack/")]


def test_a_run_holds_the_lock_of_its_output(
    acquisition: Path, reconstruct, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = acquisition / "reconstruction"
    refused = []

    def second() -> None:
        with pytest.raises(OutputBusyError, match=f"pid {os.getpid()} on"):
            refuse_if_busy(output)
        refused.append(True)

    meanwhile(monkeypatch, "stack", second, after=True)
    reconstruct(acquisition=acquisition)
    assert refused
    with run_lock(output, "mine"), pytest.raises(OutputBusyError, match="mine"):
        reconstruct(acquisition=acquisition)


def test_leftovers_of_a_dead_run_are_cleaned_up(acquisition: Path, reconstruct) -> None:
    half = acquisition / "reconstruction" / "stack" / ".partial-17-0123abcd-3d_volume.ome.zarr"
    (half / "0").mkdir(parents=True)
    reconstruct(acquisition=acquisition)
    assert not list(acquisition.rglob(".partial-*"))


def test_a_lost_chunk_is_said_and_counts_as_not_measured(acquisition: Path, reconstruct) -> None:
    (acquisition / "slice_z07.ome.zarr" / "0" / "c" / "0" / "0" / "0").unlink()
    result = reconstruct(acquisition=acquisition)
    (warning,) = [w for w in result.warnings if "chunks" in w]
    assert "07 (1 of 1)" in warning
    assert warning in result.report.read_text()
    label = zarr.open_group(result.stack.volume, mode="r")["labels/provenance/0"]
    assert not label[7 * DEPTH : 8 * DEPTH].any()
    assert label[8 * DEPTH :].any()


def test_a_truncated_chunk_is_bad_input_and_its_repair_repairs_the_run(
    acquisition: Path, reconstruct
) -> None:
    chunk = acquisition / "slice_z07.ome.zarr" / "0" / "c" / "0" / "0" / "0"
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VolumeError, match=r"slice_z07\.ome\.zarr: cannot be read at"):
        reconstruct(acquisition=acquisition)
    chunk.write_bytes(whole)
    reconstruct(acquisition=acquisition)
