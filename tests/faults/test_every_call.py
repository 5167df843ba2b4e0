"""`faults/every_call.py`: a run that dies or meets an error at some call is whole when it is run again."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr
from file_calls import KINDS, Calls, Fault

ROOT = Path(__file__).parents[2]


def test_killed_and_failed_at_some_calls_and_run_again(tmp_path: Path) -> None:
    seed = str(random.SystemRandom().randrange(10**6))
    command = [sys.executable, "faults/every_call.py", "--sample", "3", "--seed", seed]
    done = subprocess.run(
        [*command, "--csv", str(tmp_path / "faults.csv")],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    assert ", 0 lost" in done.stdout


def test_every_way_to_change_a_file_is_seen(tmp_path: Path) -> None:
    """A fork of this process works below a folder under two watches: the wrappers, and Python's own audit."""
    calls, folder = Calls(tmp_path), tmp_path / "out"
    child = os.fork()
    if not child:
        code = 1
        try:
            _watched_work(calls, folder, tmp_path / "audited")
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    seen = calls.all()
    assert {line.partition(" ")[0] for line in seen} == KINDS["any"] - {"symlink", "mode"}
    audited = (tmp_path / "audited").read_text().splitlines()
    assert len(audited) > 20
    assert [line for line in audited if line not in seen] == []


def _watched_work(calls: Calls, folder: Path, audited: Path) -> None:
    calls.arm(Fault("any", 0), folder)
    note = audited.open("a", buffering=1)
    names = {"os.mkdir": "mkdir", "os.rmdir": "rmdir", "os.remove": "unlink", "os.rename": "rename"}

    def audit(event: str, arguments: tuple[object, ...]) -> None:
        wanted = event in names or (event == "open" and int(str(arguments[2])) & (os.O_WRONLY | os.O_RDWR))
        place = str(arguments[1 if event == "os.rename" else 0]) if wanted else ""
        if place.startswith(str(folder)):
            kind = names.get(event) or ("create" if int(str(arguments[2])) & os.O_CREAT else "open")
            note.write(f"{kind} {os.path.relpath(place, folder)}\n")

    sys.addaudithook(audit)
    group = zarr.create_group(folder / "image.zarr")
    group.create_array("0", shape=(4, 8, 8), chunks=(2, 8, 8), dtype="u2")[:] = np.ones((4, 8, 8))
    pd.DataFrame({"a": [1]}).to_csv(folder / "table.csv")
    with (folder / "table.csv").open("r+b") as file:
        file.truncate(1)
        os.fsync(file.fileno())
    os.link(folder / "table.csv", folder / "second.csv")
    (folder / "second.csv").rename(folder / "third.csv")
    (folder / "third.csv").unlink()
    assert (folder / "table.csv").read_text() == ","
    (folder / "empty").mkdir()
    (folder / "empty").rmdir()


@pytest.mark.parametrize(("what", "left"), [("ENOSPC", b"half"), ("EIO", b"half")])
def test_a_write_that_fails_leaves_half_of_its_bytes(tmp_path: Path, what: str, left: bytes) -> None:
    calls, path = Calls(tmp_path), tmp_path / "out" / "file"
    path.parent.mkdir()
    child = os.fork()
    if not child:
        code = 1
        try:
            calls.arm(Fault(what, 2), path.parent)
            path.write_bytes(b"halfhalf")
        except OSError as error:
            code = 0 if error.filename == str(path) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert path.read_bytes() == left
    assert calls.struck() == "write file"
