"""Runs take turns on an output, and a lock that ends with its process tells who is dead."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from soct_core.errors import AnotherWaitsError, ForeignFileError
from soct_core.file_names import ALIVE_FOLDER, WAITING_PATH
from soct_core.run import turn as module
from soct_core.run.lock import run_lock
from soct_core.run.turn import life_of, sign_of_life, turn

HOLD = """
import sys, time
from pathlib import Path
from soct_core.run.lock import run_lock
from soct_core.run.turn import sign_of_life
with sign_of_life(Path(sys.argv[1]), "one"), run_lock(Path(sys.argv[1]), "the first command"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)


@contextmanager
def another_process(output: Path) -> Iterator[subprocess.Popen[bytes]]:
    held = subprocess.Popen([sys.executable, "-c", HOLD, str(output)], stdout=subprocess.PIPE)
    assert held.stdout is not None
    assert held.stdout.readline() == b"held\n"
    try:
        yield held
    finally:
        held.kill()
        held.communicate()


def test_a_free_output_is_not_waited_for(tmp_path: Path) -> None:
    said: list[str] = []
    with turn(tmp_path, "one", "work", said.append) as missing:
        assert missing == ()
    assert said == []
    assert not (tmp_path / WAITING_PATH).exists()


def test_the_next_run_begins_as_soon_as_the_one_before_it_is_killed(tmp_path: Path) -> None:
    said: list[str] = []
    with another_process(tmp_path) as held:
        threading.Timer(0.3, held.kill).start()
        with turn(tmp_path, "two", "work", said.append):
            pass
    assert len(said) == 1
    assert f"pid {held.pid}" in said[0]


def test_a_run_gives_way_to_one_that_waits_to_do_the_same(tmp_path: Path) -> None:
    waiting, done = threading.Event(), []

    def wait() -> None:
        with turn(tmp_path, "two", "work", lambda _: waiting.set()):
            done.append("two")

    with run_lock(tmp_path, "one"):
        second = threading.Thread(target=wait)
        second.start()
        assert waiting.wait(10)
        with pytest.raises(AnotherWaitsError, match="another run waits to do the same"):
            turn(tmp_path, "three", "work", lambda _: None).__enter__()
        other = threading.Event()
        third = threading.Thread(
            target=lambda: turn(tmp_path, "four", "other work", lambda _: other.set()).__enter__()
        )
        third.start()
        assert other.wait(10)
    second.join(10)
    third.join(10)
    assert done == ["two"]


def test_life_and_death(tmp_path: Path) -> None:
    assert life_of(tmp_path, "one") == "no sign"
    with another_process(tmp_path) as held:
        assert life_of(tmp_path, "one") == "alive"
        held.kill()
        held.wait()
        assert life_of(tmp_path, "one") == "dead"
    with sign_of_life(tmp_path, "one"):
        assert life_of(tmp_path, "one") == "alive"
    assert life_of(tmp_path, "one") == "no sign"


def test_what_another_host_left_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sign_of_life(tmp_path, "one"):
        (tmp_path / ALIVE_FOLDER / "two").write_text("elsewhere")
        assert life_of(tmp_path, "two") == "unknown"

        def flock(*_: object) -> None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

        monkeypatch.setattr(fcntl, "flock", flock)
        (tmp_path / ALIVE_FOLDER / "three").write_text(socket.gethostname())
        assert life_of(tmp_path, "three") == "unknown"


def test_no_sign_is_given_through_a_link(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("their only copy")
    (tmp_path / "out" / ALIVE_FOLDER).mkdir(parents=True)
    (tmp_path / "out" / ALIVE_FOLDER / "one").symlink_to(theirs)
    with pytest.raises(ForeignFileError):
        sign_of_life(tmp_path / "out", "one").__enter__()
    assert theirs.read_text() == "their only copy"
