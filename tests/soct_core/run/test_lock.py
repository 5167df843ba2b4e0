"""One run at a time on an output; a dead run blocks nobody."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from soct_core.errors import ForeignFileError, OutputBusyError, OutputError
from soct_core.file_names import LOCK_PATH
from soct_core.run import lock as module
from soct_core.run.lock import NO_LOCKS, NO_SYNC, LockRecord, refuse_if_busy, run_lock

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


@pytest.mark.parametrize("take", [lambda out: run_lock(out, "one").__enter__(), refuse_if_busy])
def test_a_link_in_the_place_of_the_lock_leaves_what_it_leads_to(tmp_path: Path, take) -> None:
    theirs = tmp_path / "zarr.json"
    theirs.write_text("their metadata")
    (tmp_path / LOCK_PATH).parent.mkdir()
    (tmp_path / LOCK_PATH).symlink_to(theirs)
    with pytest.raises(ForeignFileError, match=r"\.soct/lock: is a link"):
        take(tmp_path)
    assert theirs.read_text() == "their metadata"


def test_byte_ranges_that_stand_in_for_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS emulates flock: an exclusive lock asks for a descriptor open for writing."""
    real = fcntl.flock

    def emulated(descriptor: int, kind: int) -> None:
        mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        if mode == (os.O_RDONLY if kind & fcntl.LOCK_EX else os.O_WRONLY):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", emulated)
    for _ in range(2):
        refuse_if_busy(tmp_path)
        with run_lock(tmp_path, "one") as missing:
            assert missing == ()
            with pytest.raises(OutputBusyError):
                refuse_if_busy(tmp_path)
            with pytest.raises(OutputBusyError):
                run_lock(tmp_path, "two").__enter__()


@pytest.fixture
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(module, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(fcntl, "flock", flock)


def test_without_locks_the_record_tells_runs_apart_and_a_line_says_so(tmp_path: Path, no_locks: None) -> None:
    with run_lock(tmp_path, "one") as missing:
        assert [line.partition(": ")[2] for line in missing] == [NO_LOCKS.partition(": ")[2]]
        assert missing[0].startswith(f"{tmp_path}: ")
        with pytest.raises(OutputBusyError, match="one"):
            run_lock(tmp_path, "two").__enter__()
    with run_lock(tmp_path, "three"):
        pass


def test_without_locks_one_of_two_that_start_at_once_gives_way(tmp_path: Path, no_locks: None) -> None:
    at_once, held, refused = threading.Barrier(2), [], []

    def start(name: str) -> None:
        at_once.wait()
        try:
            with run_lock(tmp_path, name):
                held.append(name)
                time.sleep(0.3)
        except OutputBusyError:
            refused.append(name)

    threads = [threading.Thread(target=start, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 1)


def test_a_directory_that_cannot_be_synced_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "sync_directory", lambda _: False)
    with run_lock(tmp_path, "one") as (line,):
        assert line == NO_SYNC.format(tmp_path)
