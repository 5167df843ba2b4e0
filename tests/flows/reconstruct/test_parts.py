"""A volume in parts: a failed part is all that the next run makes again, and no bit changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from phantom_acquisition import QUICK

from flows.engine import tasks
from flows.engine.caching import checksums_of, outputs_of
from flows.engine.seal import Seal
from schemas.handoffs import StackPartOutcome
from schemas.run_record import RunRecord
from schemas.settings import StackSettings
from soct_core.errors import StageFailedError
from soct_core.file_names import PARTS_FOLDER, PLAN_PATH, SEAL_PATH, UNCERTAINTY_PATH, VOLUME_PATH
from soct_core.storage.fingerprint import fingerprint
from soct_core.volume import level_grids


def test_a_run_that_ended_in_mid_stack_goes_on_with_the_parts_that_are_missing(
    acquisition: Path, reconstruct, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = QUICK.model_copy(update={"stack": StackSettings(chunks=(2, 256, 256))})
    reconstruct(acquisition=acquisition, settings=settings)
    output = acquisition / "reconstruction"
    whole, plan = fingerprint(output / VOLUME_PATH), (output / PLAN_PATH).read_text()
    uncertainty = fingerprint(output / UNCERTAINTY_PATH)
    assert not any("part" in name for name in executed(output)), "a small volume is one task"

    monkeypatch.setattr(level_grids, "PART_BYTES", 2**17)
    stage, attempts = tasks.stack_part.stage, []
    real = stage.run

    def broken(job) -> StackPartOutcome:
        attempts.append(job.index)
        if job.index == 2:
            raise OSError("the disk went away")
        return real(job)

    monkeypatch.setattr(stage, "run", broken)
    monkeypatch.setattr(tasks.stack_part.prefect_task, "retry_delay_seconds", 0)
    cut = settings.model_copy(update={"stack": StackSettings(chunks=(2, 256, 256), blend_depth_um=49.0)})
    with pytest.raises(StageFailedError, match=r"1 of \d+ tasks failed: stack part 002: .*disk went away"):
        reconstruct(acquisition=acquisition, settings=cut)
    count = max(attempts) + 1
    assert count > 4
    assert attempts.count(2) == 3, "retried like any task"
    assert len(list((output / PARTS_FOLDER).glob("*/*.zarr"))) == count - 1
    assert fingerprint(output / VOLUME_PATH) == whole, "the volume of the run before"

    monkeypatch.setattr(stage, "run", real)
    record, failed = tasks.record_outputs, []

    def no_room_at_first(entry, *rest) -> None:
        # The volume is published by then: the second attempt goes on from it.
        if entry.name == "stack" and not failed:
            failed.append(entry)
            raise OSError("no room for the checksums")
        record(entry, *rest)

    monkeypatch.setattr(tasks, "record_outputs", no_room_at_first)
    monkeypatch.setattr(tasks.stack.prefect_task, "retry_delay_seconds", 0)
    reconstruct(acquisition=acquisition, settings=cut)
    assert failed
    assert executed(output) == {"stack part 002", "stack", "report"}
    assert not (output / PARTS_FOLDER).exists()
    assert fingerprint(output / UNCERTAINTY_PATH) == uncertainty
    record = RunRecord.model_validate_json((output / "run.json").read_bytes())
    assert not any(made.path.startswith(".") for made in record.outputs)
    assert (output / PLAN_PATH).read_text() != plan
    seal = Seal.model_validate_json((output / SEAL_PATH).read_bytes())
    assert {"stack", "report"} < {task.name for task in seal.tasks}
    for task in seal.tasks:
        kept = outputs_of(output, checksums_of(output, task.name), task.key)
        assert kept is not None, f"the next run would find {task.name} gone, and start Prefect to make it"
    reconstruct(acquisition=acquisition, settings=cut)
    assert executed(output) == set()


def executed(output: Path) -> set[str]:
    """Names of the task runs of the last invocation that were not served from the cache."""
    record = RunRecord.model_validate_json((output / "run.json").read_bytes())
    return {task.name for task in record.tasks if not task.cached}
