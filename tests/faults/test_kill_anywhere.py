"""`faults/kill_anywhere.py`: a run killed at some moments is whole when it is run again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prefect.settings import get_current_settings

ROOT = Path(__file__).parents[2]


def test_killed_at_some_moments_and_run_again(prefect_server: None, tmp_path: Path) -> None:
    settings = get_current_settings().to_environment_variables(exclude_unset=True)
    done = subprocess.run(
        [sys.executable, "faults/kill_anywhere.py", "--short", "--csv", str(tmp_path / "faults.csv")],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 lost" in done.stdout
