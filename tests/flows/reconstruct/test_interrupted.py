"""Ctrl-C: the run says what to do, its server and workers go with it, and the next run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from phantom_acquisition import cut_phantom

from schemas.run_record import RunRecord


def hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def group_is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_ctrl_c_reaches_all_and_only_the_run_answers(tmp_path: Path) -> None:
    acquisition = cut_phantom(tmp_path / "mouse")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment["PREFECT_HOME"] = str(tmp_path / "prefect")
    command = [sys.executable, "-m", "flows.reconstruct", str(acquisition)]
    # A terminal sends Ctrl-C to the whole group: the run, its workers, the embedded server.
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Deaf where the tests run in the background of a script, and heir to it.
        preexec_fn=hear_ctrl_c,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline().startswith("detect gaps: completed")
        os.killpg(run.pid, signal.SIGINT)
        _, said = run.communicate()
    assert run.returncode == 1
    assert [line for line in said.splitlines() if line.startswith("error: ")] == [
        "error: interrupted; run the same command again: what is done is kept"
    ]
    assert "Traceback" not in said
    deadline = time.monotonic() + 30
    while not group_is_gone(run.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert group_is_gone(run.pid)

    record = RunRecord.model_validate_json((acquisition / "reconstruction" / "run.json").read_bytes())
    assert record.outcome == "failed"
