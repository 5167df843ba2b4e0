"""One run at a time on an output; a dead run blocks nobody."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from soct_core.errors import OutputBusyError, OutputError
from soct_core.file_names import LOCK_PATH
from soct_core.run import lock as module
from soct_core.run.lock import LockRecord, refuse_if_busy, run_lock

HOLD = """
import sys, time
from pathlib import Path
from soct_core.run.lock import run_lock
with run_lock(Path(sys.argv[1]), "the first command"):
    print("held", flush=True)
    time.sleep(600)
"""


def foreign_record(output: Path, alive: int = 0) -> bytes:
    """The lock file as a run on another host leaves it."""
    moment = datetime(2026, 1, 1, 0, 0, alive, tzinfo=UTC)
    record = LockRecord(pid=7, host="elsewhere", started=moment, command="their command", alive=moment)
    path = output / LOCK_PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(record.model_dump_json())
    return path.read_bytes()


def test_a_second_run_is_refused_and_the_first_named(tmp_path: Path) -> None:
    with run_lock(tmp_path, "python -m flows.reconstruct ACQ"):
        for second in (lambda: refuse_if_busy(tmp_path), lambda: run_lock(tmp_path, "two").__enter__()):
            with pytest.raises(OutputBusyError) as caught:
                second()
            said = str(caught.value)
            assert str(tmp_path) in said
            assert f"pid {os.getpid()} on {os.uname().nodename} since" in said
            assert "python -m flows.reconstruct ACQ" in said
            assert "\n" not in said
    refuse_if_busy(tmp_path)
    with run_lock(tmp_path, "three"):
        pass
    assert (tmp_path / LOCK_PATH).read_bytes() == b""


def test_other_outputs_are_free(tmp_path: Path) -> None:
    with run_lock(tmp_path / "a", "one"), run_lock(tmp_path / "b", "two"):
        pass


def test_the_lock_of_a_killed_process_never_blocks(tmp_path: Path) -> None:
    held = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert held.stdout is not None
    assert held.stdout.readline() == b"held\n"
    with pytest.raises(OutputBusyError, match=f"pid {held.pid} .*the first command"):
        refuse_if_busy(tmp_path)
    held.kill()
    held.communicate()
    assert (tmp_path / LOCK_PATH).read_bytes() != b""
    refuse_if_busy(tmp_path)
    with run_lock(tmp_path, "the second"):
        assert b"the second" in (tmp_path / LOCK_PATH).read_bytes()


def test_a_run_that_fails_frees_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the run failed"), run_lock(tmp_path, "one"):
        raise ValueError("the run failed")
    refuse_if_busy(tmp_path)


@pytest.mark.parametrize("carried", [True, False])
def test_a_silent_run_of_another_host_is_taken_for_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, carried: bool
) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(module, "_flock", lambda *_: carried)
    foreign_record(tmp_path)
    with run_lock(tmp_path, "ours"):
        assert b"ours" in (tmp_path / LOCK_PATH).read_bytes()


def test_a_living_run_of_another_host_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each look at the record is a heartbeat of theirs.
    looks = iter(range(59))
    monkeypatch.setattr(module.time, "sleep", lambda _: foreign_record(tmp_path, next(looks)))
    foreign_record(tmp_path, 59)
    with pytest.raises(OutputBusyError, match=r"pid 7 on elsewhere .*their command"):
        run_lock(tmp_path, "ours").__enter__()


def test_the_record_is_refreshed_while_the_run_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.005)
    with run_lock(tmp_path, "one"):
        seen = set()
        while len(seen) < 3:
            seen.add((tmp_path / LOCK_PATH).read_bytes())


def test_a_broken_record_blocks_only_while_it_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.01)
    (tmp_path / LOCK_PATH).parent.mkdir()
    (tmp_path / LOCK_PATH).write_bytes(b'{"pid": 3, "ho')
    with (tmp_path / LOCK_PATH).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(OutputBusyError, match="unknown command"):
            run_lock(tmp_path, "ours").__enter__()
    with run_lock(tmp_path, "ours"):
        pass


def test_an_output_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match=r"file/out: cannot be written"):
        run_lock(tmp_path / "file" / "out", "one").__enter__()
