"""A run that is told to stop, or whose server dies: one line, nobody left over, and the next run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from phantom_acquisition import cut_phantom

from schemas.run_record import RunRecord

Run = subprocess.Popen[str]


def hear_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@contextmanager
def started(tmp_path: Path) -> Iterator[Run]:
    """A run in a process group of its own."""
    acquisition = cut_phantom(tmp_path / "mouse")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment["PREFECT_HOME"] = str(tmp_path / "prefect")
    with subprocess.Popen(
        [sys.executable, "-m", "flows.reconstruct", str(acquisition)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Deaf where the tests run in the background of a script, and heir to it.
        preexec_fn=hear_signals,
    ) as run:
        yield run


def server_of(run: Run) -> psutil.Process | None:
    children = psutil.Process(run.pid).children(recursive=True)
    return next((child for child in children if "uvicorn" in child.cmdline()), None)


def at_start_up(run: Run) -> None:
    while server_of(run) is None:
        assert run.poll() is None
        time.sleep(0.05)


def at_work(run: Run) -> None:
    assert run.stdout is not None
    assert run.stderr is not None
    assert run.stdout.readline().startswith("reconstruct ")
    assert run.stdout.readline() == "starting Prefect\n"
    line = run.stdout.readline()
    assert line.startswith("detect gaps: completed"), line or run.stderr.read()


def to_all(number: int) -> Callable[[Run], None]:
    """As a terminal does: to the run, its workers, the embedded server."""
    return lambda run: os.killpg(run.pid, number)


def to_it(number: int) -> Callable[[Run], None]:
    return lambda run: os.kill(run.pid, number)


def to_its_server(run: Run) -> None:
    server = server_of(run)
    assert server is not None
    server.kill()


def group_is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(
    ("come", "stop", "said"),
    [
        (at_work, to_all(signal.SIGTERM), "terminated"),
        (at_work, to_it(signal.SIGHUP), "its terminal is gone"),
        (at_start_up, to_all(signal.SIGINT), "interrupted"),
        (at_work, to_its_server, "the embedded Prefect server died, killed or out of memory"),
    ],
)
def test_a_run_that_ends_early_says_so_in_one_line_and_leaves_nobody(
    tmp_path: Path, come: Callable[[Run], None], stop: Callable[[Run], None], said: str
) -> None:
    with started(tmp_path) as run:
        come(run)
        told = time.monotonic()
        stop(run)
        _, errors = run.communicate()
        # Prefect alone would ask a server that is gone for a minute.
        assert time.monotonic() - told < 40
    assert run.returncode == 1
    assert errors.splitlines() == [f"error: {said}; run the same command again: what is done is kept"]
    deadline = time.monotonic() + 30
    while not group_is_gone(run.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert group_is_gone(run.pid)
    if come is at_work:
        record = tmp_path / "mouse" / "reconstruction" / "run.json"
        assert RunRecord.model_validate_json(record.read_bytes()).outcome == "failed"


def test_nobody_waits_for_prefect_once_a_run_has_said_all(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.engine import api

    monkeypatch.setattr(api, "_LAST_WORDS_SECONDS", 0.5)
    monkeypatch.setattr(api, "_LAST_QUESTION_SECONDS", 0.01)
    never, waited = threading.Event(), []
    with api.last_words():
        begun = time.monotonic()
        assert not api._ends_by_itself(never)
        waited.append(time.monotonic() - begun)
    begun = time.monotonic()
    assert not api._ends_by_itself(never)
    waited.append(time.monotonic() - begun)
    assert waited[0] >= 0.5
    assert waited[1] < 0.4
